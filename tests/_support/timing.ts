import type { Timing } from '../../cli/client/patience.ts'

/** Waiting takes no time, and all that is waited for passes. */
export function createTiming() {
  let time = 0
  const slept: number[] = []
  return {
    /** What was waited for, in milliseconds. */
    slept,
    /** Time passes, as while an answer is waited for. */
    pass: (ms: number) => {
      time += ms
    },
    now: () => time,
    sleep: async (ms: number) => {
      slept.push(ms)
      time += ms
    },
  } satisfies Timing & Record<string, unknown>
}
