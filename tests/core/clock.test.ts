import { expect, test } from 'bun:test'
import { createMonotonicWallClock } from '../../src/core/clock.ts'

/** A system clock that shows 1,000, and a clock that may have shown more in an earlier process. */
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

test('it shows what the system shows', () => {
  const clocks = createClocks()
  clocks.advance(5)
  expect(clocks.clock()).toBe(1_005)
})

test('it goes forward with the system', () => {
  const clocks = createClocks()
  clocks.setSystemTime(9_000)
  expect(clocks.clock()).toBe(9_000)
})

test('it goes on at its own pace when the system is set back', () => {
  const clocks = createClocks()
  expect(clocks.clock()).toBe(1_000)
  clocks.setSystemTime(10)
  clocks.advance(7)
  expect(clocks.clock()).toBe(1_007)
  clocks.advance(3)
  expect(clocks.clock()).toBe(1_010)
})

test('it shows whole milliseconds', () => {
  const clocks = createClocks()
  clocks.setSystemTime(0)
  clocks.advance(0.75)
  expect(clocks.clock()).toBe(1_000)
  clocks.advance(0.25)
  expect(clocks.clock()).toBe(1_001)
})

test('it never shows less than it did in an earlier process', () => {
  const clocks = createClocks(50_000)
  expect(clocks.clock()).toBe(50_000)
  clocks.advance(1)
  expect(clocks.clock()).toBe(50_001)
})
