export type ManualClock = ReturnType<typeof createManualClock>

/** A clock that stands still until it is moved. */
export function createManualClock(start = Date.parse('2026-01-02T03:04:05.000Z')) {
  let time = start
  let elapsed = 0
  return {
    now: () => time,
    /** What passed, whatever the clock was set to. */
    monotonic: () => elapsed,
    /** Time passes. @param ms milliseconds, negative to set the clock back */
    advance: (ms: number) => {
      time += ms
      elapsed += Math.max(0, ms)
    },
    /** Sets the clock, while no time passes. @param ms milliseconds */
    adjust: (ms: number) => {
      time += ms
    },
  }
}
