import { expect, test } from 'bun:test'
import { createSteadyClock } from '../src/steady-clock.ts'

/** A system clock that shows 1,000, and a clock that may have shown more in an earlier process. */
function createClocks(notBefore = 0) {
  let system = 1_000
  let passed = 0
  const steady = createSteadyClock(
    () => system,
    () => passed,
    notBefore,
  )
  return {
    steady,
    pass: (ms: number) => {
      system += ms
      passed += ms
    },
    set: (time: number) => {
      system = time
    },
  }
}

test('it shows what the system shows', () => {
  const clocks = createClocks()
  clocks.pass(5)
  expect(clocks.steady()).toBe(1_005)
})

test('it goes forward with the system', () => {
  const clocks = createClocks()
  clocks.set(9_000)
  expect(clocks.steady()).toBe(9_000)
})

test('it goes on at its own pace when the system is set back', () => {
  const clocks = createClocks()
  expect(clocks.steady()).toBe(1_000)
  clocks.set(10)
  clocks.pass(7)
  expect(clocks.steady()).toBe(1_007)
  clocks.pass(3)
  expect(clocks.steady()).toBe(1_010)
})

test('it shows whole milliseconds', () => {
  const clocks = createClocks()
  clocks.set(0)
  clocks.pass(0.75)
  expect(clocks.steady()).toBe(1_000)
  clocks.pass(0.25)
  expect(clocks.steady()).toBe(1_001)
})

test('it never shows less than it did in an earlier process', () => {
  const clocks = createClocks(50_000)
  expect(clocks.steady()).toBe(50_000)
  clocks.pass(1)
  expect(clocks.steady()).toBe(50_001)
})
