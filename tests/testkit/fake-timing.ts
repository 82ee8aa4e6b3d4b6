import type { Timing } from '../../cli/client/api/retry.ts'

/** A clock whose `sleep` returns at once and advances the time. */
export function createFakeTiming() {
  let time = 0
  const sleeps: number[] = []
  return {
    /** Requested sleeps in milliseconds. */
    sleeps,
    /** Lets time pass without a sleep. */
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
