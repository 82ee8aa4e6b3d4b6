export type MonotonicWallClock = () => number

/**
 * A clock by which tokens and locks expire: it goes forward with the system's clock, and on at its own pace when that
 * one is set back, so that nothing lives longer for it.
 * @param systemClock what may be set: milliseconds since 1970
 * @param monotonicClock what only ever goes on: milliseconds since some moment of this process
 * @param floor what it has shown before, in an earlier process
 * @returns whole milliseconds since 1970
 */
export function createMonotonicWallClock(
  systemClock: () => number,
  monotonicClock: () => number,
  floor: number,
): MonotonicWallClock {
  let lastTime = Math.max(systemClock(), floor)
  let lastTick = monotonicClock()
  return () => {
    const tick = monotonicClock()
    lastTime = Math.max(systemClock(), lastTime + Math.max(0, tick - lastTick))
    lastTick = tick
    return Math.floor(lastTime)
  }
}
