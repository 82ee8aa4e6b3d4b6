import { expect, test } from 'bun:test'
import { formatAgo, formatDuration, stableFor } from '../../src/droplets/human-duration.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

test.each([
  [0, 'Less than a second ago'],
  [SECOND - 1, 'Less than a second ago'],
  [SECOND, '1 second ago'],
  [2 * SECOND - 1, '1 second ago'],
  [2 * SECOND, '2 seconds ago'],
  [MINUTE - 1, '59 seconds ago'],
  [MINUTE, 'About a minute ago'],
  [2 * MINUTE - 1, 'About a minute ago'],
  [2 * MINUTE, '2 minutes ago'],
  [9 * MINUTE + 59 * SECOND, '9 minutes ago'],
  [HOUR - 1, '59 minutes ago'],
  [HOUR, 'About an hour ago'],
  [1.5 * HOUR - 1, 'About an hour ago'],
  [1.5 * HOUR, '2 hours ago'],
  [2.5 * HOUR - 1, '2 hours ago'],
  [2.5 * HOUR, '3 hours ago'],
  [47.5 * HOUR - 1, '47 hours ago'],
  [47.5 * HOUR, '2 days ago'],
  [71.5 * HOUR - 1, '2 days ago'],
  [71.5 * HOUR, '3 days ago'],
  [14 * DAY - 0.5 * HOUR - 1, '13 days ago'],
  [14 * DAY - 0.5 * HOUR, '2 weeks ago'],
  [60 * DAY - 0.5 * HOUR - 1, '8 weeks ago'],
  [60 * DAY - 0.5 * HOUR, '2 months ago'],
  [730 * DAY - 0.5 * HOUR - 1, '24 months ago'],
  // Docker rounds hours to decide between months and years, but truncates to count years.
  [730 * DAY - 0.5 * HOUR, '1 years ago'],
  [730 * DAY, '2 years ago'],
  [1095 * DAY - 1, '2 years ago'],
  [1095 * DAY, '3 years ago'],
])('%d ms are %p', (elapsed, text) => {
  expect(formatAgo(elapsed)).toBe(text)
})

test('a clock that was set back never yields a negative age', () => {
  expect(formatAgo(-5 * MINUTE)).toBe('Less than a second ago')
})

test('a text does not change for the time that stableFor returns', () => {
  for (let elapsed = -SECOND; elapsed < 3 * 365 * DAY; elapsed += Math.max(97, Math.abs(elapsed) * 0.0007)) {
    const at = Math.floor(elapsed)
    const time = stableFor(at)
    expect(time).toBeGreaterThan(0)
    expect([at, formatDuration(at + time - 1)]).toEqual([at, formatDuration(at)])
  }
})
