export type SteadyClock = () => number

/**
 * A clock by which tokens and locks expire: it goes forward with the system's clock, and on at its own pace when that
 * one is set back, so that nothing lives longer for it.
 * @param system what may be set: milliseconds since 1970
 * @param monotonic what only ever goes on: milliseconds since some moment of this process
 * @param notBefore what it has shown before, in an earlier process
 * @returns whole milliseconds since 1970
 */
export function createSteadyClock(system: () => number, monotonic: () => number, notBefore: number): SteadyClock {
  let shown = Math.max(system(), notBefore)
  let shownAt = monotonic()
  return () => {
    const at = monotonic()
    shown = Math.max(system(), shown + Math.max(0, at - shownAt))
    shownAt = at
    return Math.floor(shown)
  }
}
