import { expect, test } from 'bun:test'
import { createMonotonicWallClock } from '../../src/core/clock.ts'

/** A system clock at 1,000, and a monotonic wall clock with an optional floor. */
function createClocks(floor = 0) {
  let systemTime = 1_000
  let elapsed = 0
  const clock = createMonotonicWallClock(
    () => systemTime,
    () => elapsed,
    floor,
  )
  return {
    clock,
    advance: (ms: number) => {
      systemTime += ms
      elapsed += ms
    },
    setSystemTime: (time: number) => {
      systemTime = time
    },
  }
}

test('returns the system time', () => {
  const clocks = createClocks()
  clocks.advance(5)
  expect(clocks.clock()).toBe(1_005)
})

test('follows the system clock forward', () => {
  const clocks = createClocks()
  clocks.setSystemTime(9_000)
  expect(clocks.clock()).toBe(9_000)
})

test('continues at its own pace when the system clock is set back', () => {
  const clocks = createClocks()
  expect(clocks.clock()).toBe(1_000)
  clocks.setSystemTime(10)
  clocks.advance(7)
  expect(clocks.clock()).toBe(1_007)
  clocks.advance(3)
  expect(clocks.clock()).toBe(1_010)
})

test('returns whole milliseconds', () => {
  const clocks = createClocks()
  clocks.setSystemTime(0)
  clocks.advance(0.75)
  expect(clocks.clock()).toBe(1_000)
  clocks.advance(0.25)
  expect(clocks.clock()).toBe(1_001)
})

test('never returns less than in an earlier process', () => {
  const clocks = createClocks(50_000)
  expect(clocks.clock()).toBe(50_000)
  clocks.advance(1)
  expect(clocks.clock()).toBe(50_001)
})
