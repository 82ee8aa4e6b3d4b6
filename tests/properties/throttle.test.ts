import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createThrottle, type Source } from '../../src/auth/throttle.ts'
import { ApiError } from '../../src/errors.ts'
import { createLaneStore } from '../../src/store/lanes.ts'
import { createClock } from '../_support/clock.ts'
import { holds } from '../_support/properties.ts'
import { accountOf, createTestStore } from '../_support/store.ts'
import { type Attempt, createThrottleModel } from '../_support/throttle-model.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** One attempt at ada's login, after some time or as soon as the door is open. */
interface Try {
  from: number
  /** A token of ada's own session comes along. */
  withSession: boolean
  right: boolean
  wait: number | 'until open'
}

const wait = fc.oneof(
  { arbitrary: fc.constantFrom<Try['wait'][]>('until open'), weight: 3 },
  { arbitrary: fc.constant(0), weight: 3 },
  { arbitrary: fc.constantFrom(1, 1_000, MINUTE - 1, MINUTE, 10 * MINUTE, HOUR, DAY, 364 * DAY, 365 * DAY), weight: 1 },
)
const tryOf = (rightOnes: number, addresses: number): fc.Arbitrary<Try> =>
  fc.record({
    from: fc.nat(addresses - 1),
    withSession: fc.integer({ min: 0, max: 9 }).map(chance => chance === 0),
    right: fc.integer({ min: 0, max: 99 }).map(chance => chance < rightOnes),
    wait,
  })

/** Few addresses, which run full, or many, from which a name runs full. */
const tries = fc.oneof(
  fc.array(tryOf(10, 4), { maxLength: 200, size: 'max' }),
  fc.array(tryOf(0, 100), { maxLength: 200, size: 'max' }),
)

/** The throttle over a store of its own, with nobody having failed yet. */
function createDoor() {
  const store = createTestStore()
  const ada = accountOf('ada')
  const clock = createClock()
  const lanes = createLaneStore(store.db)
  const throttle = createThrottle(lanes, clock.now)

  return {
    clock,
    /** Runs a case in one transaction. */
    async during(work: () => void): Promise<void> {
      await store.db.write(() => {
        store.db.sql.run('DELETE FROM lanes')
        store.db.sql.run('DELETE FROM users')
        store.users.insert(ada)
        work()
      })
    },

    /** @returns undefined for an attempt that was let through, else the seconds to wait */
    attempt(source: Source, right: boolean): number | undefined {
      const lane = throttle.laneOf('ada', ada.id, source)
      try {
        throttle.refuseLocked(source, lane)
      } catch (error) {
        if (error instanceof ApiError && error.kind === 'tooManyAttempts') return error.retryAfterSeconds
        throw error
      }
      if (right) throttle.countSuccess(source, lane, ada.id)
      else throttle.countFailure(source, lane)
      return undefined
    },

    isProven: (address: string) => lanes.isProven(ada.id, address),
    [Symbol.dispose]: store[Symbol.dispose],
  }
}

function sourceOf({ from, withSession }: Try): Source {
  return { address: `192.0.2.${from}`, sessionId: withSession ? 'session' : undefined }
}

test('what is let through is what the limits say, and the seconds to wait are true', async () => {
  using door = createDoor()
  await holds('throttle: like the limits', tries, async given => {
    await door.during(() => {
      const model = createThrottleModel()
      const proven = new Set<string>()
      for (const one of given) {
        const source = sourceOf(one)
        const { address } = source
        const count = one.withSession ? 'session' : proven.has(address) ? address : 'strangers'
        const attempt: Attempt = { address, count }
        const opens = model.openAt(attempt)
        door.clock.move(one.wait === 'until open' ? Math.max(0, opens - door.clock.now()) : one.wait)

        const left = Math.ceil((opens - door.clock.now()) / 1000)
        expect(door.attempt(source, one.right)).toBe(left > 0 ? left : undefined)
        if (left > 0) continue
        if (!one.right) model.failed(attempt, door.clock.now())
        else {
          model.succeeded(attempt)
          // The ten newest are kept; here are four at the most that ever succeed.
          proven.add(address)
        }
      }
    })
  })
})

const strangersOnly = fc.array(
  fc.record({ tries: fc.array(tryOf(0, 30), { maxLength: 40, size: 'max' }), own: tryOf(30, 1) }),
  { maxLength: 8, size: 'max' },
)

test('whatever strangers try, an address that a user proved is answered as if they were not there', async () => {
  using door = createDoor()
  const home: Source = { address: '203.0.113.1' }

  /** What home is answered, with the strangers or without them. */
  function answers(rounds: { tries: Try[]; own: Try }[], strangers: boolean): unknown[] {
    door.attempt(home, true)
    return rounds.map(({ tries, own }) => {
      for (const one of tries) {
        door.clock.move(one.wait === 'until open' ? HOUR : one.wait)
        if (strangers) door.attempt({ address: sourceOf(one).address }, false)
      }
      door.clock.move(own.wait === 'until open' ? HOUR : own.wait)
      return door.attempt(home, own.right)
    })
  }

  await holds('throttle: strangers apart', strangersOnly, async rounds => {
    const given: unknown[][] = []
    await door.during(() => void given.push(answers(rounds, true)))
    await door.during(() => void given.push(answers(rounds, false)))
    expect(given[0]).toEqual(given[1])
  })
})
