import type { Timing } from '../../cli/client/api/retry.ts'

/** Waiting takes no time, and all that is waited for passes. */
export function createFakeTiming() {
  let time = 0
  const sleeps: number[] = []
  return {
    /** What was waited for, in milliseconds. */
    sleeps,
    /** Time passes, as while an answer is waited for. */
    advance: (ms: number) => {
      time += ms
    },
    now: () => time,
    sleep: async (ms: number) => {
      sleeps.push(ms)
      time += ms
    },
  } satisfies Timing & Record<string, unknown>
}
