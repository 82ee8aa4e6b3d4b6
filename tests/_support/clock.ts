export type Clock = ReturnType<typeof createClock>

/** A clock that stands still until it is moved. */
export function createClock(start = Date.parse('2026-01-02T03:04:05.000Z')) {
  let time = start
  return {
    now: () => time,
    /** @param by milliseconds, negative to set it back */
    move: (by: number) => {
      time += by
    },
  }
}
