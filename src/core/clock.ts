export type MonotonicWallClock = () => number

/**
 * The clock for the expiry of tokens and locks. It follows the system clock, but continues at its own pace when that is
 * set back, so that nothing lives longer.
 * @param systemClock adjustable; milliseconds since 1970
 * @param monotonicClock never goes back; milliseconds since an arbitrary start
 * @param floor latest time of an earlier process
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
