export type Clock = ReturnType<typeof createClock>

/** A clock that stands still until it is moved. */
export function createClock(start = Date.parse('2026-01-02T03:04:05.000Z')) {
  let time = start
  let passed = 0
  return {
    now: () => time,
    /** What passed, whatever the clock was set to. */
    monotonic: () => passed,
    /** Time passes. @param by milliseconds, negative to set the clock back */
    move: (by: number) => {
      time += by
      passed += Math.max(0, by)
    },
    /** Sets the clock, while no time passes. @param by milliseconds */
    set: (by: number) => {
      time += by
    },
  }
}
