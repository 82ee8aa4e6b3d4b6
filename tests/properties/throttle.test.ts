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

/** One attempt at a login, after some time or as soon as the door is open. */
interface Try {
  /** 0 is ada, whom alone there is. */
  name: number
  from: number
  /** A token of ada's own session comes along. */
  withSession: boolean
  right: boolean
  wait: number | 'until open'
}

const UNTIL_OPEN = { arbitrary: fc.constant<Try['wait']>('until open'), weight: 3 }
const AT_ONCE = { arbitrary: fc.constant(0), weight: 3 }
const SOON = fc.constantFrom(1, 1_000, MINUTE - 1, MINUTE)
const LATER = fc.constantFrom(10 * MINUTE - 1, 10 * MINUTE, HOUR, DAY, 364 * DAY, 365 * DAY)

/** Tries at so many names from so many addresses, of a hundred so many with the right code. */
function triesOf(
  names: number,
  addresses: number,
  right: number,
  wait: fc.Arbitrary<Try['wait']>,
): fc.Arbitrary<Try[]> {
  const chance = (percent: number) => fc.integer({ min: 0, max: 99 }).map(chosen => chosen < percent)
  const one = fc.record({
    name: fc.nat(names - 1),
    from: fc.nat(addresses - 1),
    withSession: chance(5),
    right: chance(right),
    wait,
  })
  return fc.array(one, { maxLength: 250, size: 'max' })
}

const tries = fc.oneof(
  // Few addresses that try many names run full within their ten minutes.
  triesOf(40, 3, 5, fc.oneof(AT_ONCE, AT_ONCE, SOON, UNTIL_OPEN)),
  // A name runs full within a year, from many addresses or from one of its own.
  triesOf(1, 100, 0, fc.oneof(UNTIL_OPEN, AT_ONCE, LATER)),
  triesOf(1, 1, 20, fc.oneof(UNTIL_OPEN, AT_ONCE, SOON)),
  triesOf(2, 4, 10, fc.oneof(UNTIL_OPEN, AT_ONCE, SOON, LATER)),
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
    attempt(username: string, source: Source, right: boolean): number | undefined {
      const lane = throttle.laneOf(username, username === 'ada' ? ada.id : undefined, source)
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

    isProven: (address: string) => lanes.provenAt(ada.id, address) !== undefined,
    [Symbol.dispose]: store[Symbol.dispose],
  }
}

const nameOf = ({ name }: Try) => (name === 0 ? 'ada' : `nobody-${name}`)

function sourceOf({ name, from, withSession }: Try): Source {
  return { address: `192.0.2.${from}`, sessionId: withSession && name === 0 ? 'session' : undefined }
}

test('what is let through is what the limits say, and the seconds to wait are those of a lock', async () => {
  using door = createDoor()
  await holds('throttle: like the limits', tries, async given => {
    await door.during(() => {
      const model = createThrottleModel()
      const proven = new Set<string>()
      for (const one of given) {
        const source = sourceOf(one)
        const { address, sessionId } = source
        const own = one.name === 0 && proven.has(address) ? address : undefined
        const count = sessionId ?? own ?? `strangers at ${nameOf(one)}`
        const right = one.right && one.name === 0
        const attempt: Attempt = { address, count }
        const opens = model.openAt(attempt)
        const wait = one.wait === 'until open' ? Math.max(opens.count, opens.address) - door.clock.now() : one.wait
        door.clock.move(Math.max(0, wait))

        const now = door.clock.now()
        const locks = [opens.count, opens.address].filter(until => until > now)
        const left = door.attempt(nameOf(one), source, right)
        if (locks.length === 0) expect(left).toBeUndefined()
        else expect(left).toBe(Math.ceil((Math.max(...locks) - now) / 1000))
        if (locks.length > 0) continue
        if (!right) model.failed(attempt, now)
        else {
          model.succeeded(attempt)
          // The ten newest are kept; here are four at the most that ever succeed.
          proven.add(address)
        }
      }
    })
  })
})

/** What strangers try, and then who is at home. */
interface Round {
  tries: Try[]
  own: { right: boolean; wait: Try['wait'] }
}

const rounds: fc.Arbitrary<Round[]> = fc.array(
  fc.record({
    tries: triesOf(2, 30, 0, fc.oneof(AT_ONCE, SOON, LATER)),
    own: fc.record({ right: fc.boolean(), wait: fc.oneof(AT_ONCE, SOON, LATER) }),
  }),
  { maxLength: 8, size: 'max' },
)

test('whatever strangers try, an address that a user proved is answered as if they were not there', async () => {
  using door = createDoor()
  const home: Source = { address: '203.0.113.1' }

  /** What home is answered, with the strangers or without them. */
  function answers(given: Round[], strangers: boolean): unknown[] {
    const pass = (wait: Try['wait']) => door.clock.move(wait === 'until open' ? HOUR : wait)
    door.attempt('ada', home, true)
    return given.map(({ tries, own }) => {
      for (const one of tries) {
        pass(one.wait)
        if (strangers) door.attempt(nameOf(one), { address: sourceOf(one).address }, false)
      }
      pass(own.wait)
      return door.attempt('ada', home, own.right)
    })
  }

  await holds('throttle: strangers apart', rounds, async rounds => {
    const given: unknown[][] = []
    await door.during(() => void given.push(answers(rounds, true)))
    await door.during(() => void given.push(answers(rounds, false)))
    expect(given[0]).toEqual(given[1])
  })
})
