/** A clock that moves only when a test advances or adjusts it. */
export function createManualClock(start = Date.parse('2026-01-02T03:04:05.000Z')) {
  let time = start
  let elapsed = 0
  return {
    now: () => time,
    /** Elapsed milliseconds, unaffected by `adjust`. */
    monotonic: () => elapsed,
    /** Lets time pass. A negative value sets the clock back. */
    advance: (ms: number) => {
      time += ms
      elapsed += Math.max(0, ms)
    },
    /** Changes the wall clock without letting time pass. */
    adjust: (ms: number) => {
      time += ms
    },
  }
}
