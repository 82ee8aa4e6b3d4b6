const SECOND = 1
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/**
 * An age in the words of `docker ps`: `9 minutes ago`, `About an hour ago`.
 * @param elapsed milliseconds
 */
export function formatAgo(elapsed: number): string {
  return `${formatDuration(elapsed)} ago`
}

/**
 * A duration in the words of `docker ps`: `8 minutes`. The thresholds are those of HumanDuration in docker/go-units.
 * @param elapsed milliseconds
 */
export function formatDuration(elapsed: number): string {
  const seconds = elapsed / 1000
  if (seconds < SECOND) return 'Less than a second'
  if (seconds < 2) return '1 second'
  if (seconds < MINUTE) return `${wholeUnits(seconds, SECOND)} seconds`
  if (seconds < 2 * MINUTE) return 'About a minute'
  if (seconds < HOUR) return `${wholeUnits(seconds, MINUTE)} minutes`
  const roundedHours = Math.trunc(seconds / HOUR + 0.5)
  if (roundedHours === 1) return 'About an hour'
  if (roundedHours < 48) return `${roundedHours} hours`
  if (roundedHours < 24 * 7 * 2) return `${Math.trunc(roundedHours / 24)} days`
  if (roundedHours < 24 * 30 * 2) return `${Math.trunc(roundedHours / 24 / 7)} weeks`
  if (roundedHours < 24 * 365 * 2) return `${Math.trunc(roundedHours / 24 / 30)} months`
  return `${wholeUnits(seconds, DAY * 365)} years`
}

/**
 * A time in which the text of `formatDuration` does not change. Thresholds are whole seconds within the first minutes,
 * whole minutes within the first hour, and half hours later.
 * @param elapsed milliseconds
 * @returns milliseconds, more than 0
 */
export function stableFor(elapsed: number): number {
  if (elapsed < 0) return -elapsed
  const unit = elapsed < 2 * MINUTE * 1000 ? SECOND : elapsed < HOUR * 1000 ? MINUTE : HOUR / 2
  return unit * 1000 - (elapsed % (unit * 1000))
}

function wholeUnits(seconds: number, unit: number): number {
  return Math.trunc(seconds / unit)
}
