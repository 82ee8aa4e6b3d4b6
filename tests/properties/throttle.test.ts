import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type AttemptSource, createThrottle } from '../../src/auth/throttle.ts'
import { ApiError } from '../../src/core/errors.ts'
import { createThrottleBucketStore } from '../../src/store/failure-counters.ts'
import { createManualClock } from '../testkit/manual-clock.ts'
import { checkProperty } from '../testkit/properties/check-property.ts'
import { type Attempt, createThrottleModel } from '../testkit/properties/throttle-model.ts'
import { createAccount, createTestStore } from '../testkit/store/test-store.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** One attempt at a login, after some time or as soon as the door is open. */
interface LoginAttempt {
  /** 0 is ada, whom alone there is. */
  name: number
  addressIndex: number
  /** A token of ada's own session comes along. */
  withSession: boolean
  right: boolean
  wait: number | 'until open'
}

const UNTIL_UNLOCKED = { arbitrary: fc.constant<LoginAttempt['wait']>('until open'), weight: 3 }
const AT_ONCE = { arbitrary: fc.constant(0), weight: 3 }
const SOON = fc.constantFrom(1, 1_000, MINUTE - 1, MINUTE)
const LATER = fc.constantFrom(10 * MINUTE - 1, 10 * MINUTE, HOUR, DAY, 364 * DAY, 365 * DAY)

/** Tries at so many names from so many addresses, of a hundred so many with the right code. */
function attemptsOf(
  names: number,
  addresses: number,
  right: number,
  wait: fc.Arbitrary<LoginAttempt['wait']>,
): fc.Arbitrary<LoginAttempt[]> {
  const chance = (percent: number) => fc.integer({ min: 0, max: 99 }).map(number => number < percent)
  const loginAttempt = fc.record({
    name: fc.nat(names - 1),
    addressIndex: fc.nat(addresses - 1),
    withSession: chance(5),
    right: chance(right),
    wait,
  })
  return fc.array(loginAttempt, { maxLength: 250, size: 'max' })
}

const attemptCases = fc.oneof(
  // Few addresses that try many names run full within their ten minutes.
  attemptsOf(40, 3, 5, fc.oneof(AT_ONCE, AT_ONCE, SOON, UNTIL_UNLOCKED)),
  // A name runs full within a year, from many addresses or from one of its own.
  attemptsOf(1, 100, 0, fc.oneof(UNTIL_UNLOCKED, AT_ONCE, LATER)),
  attemptsOf(1, 1, 20, fc.oneof(UNTIL_UNLOCKED, AT_ONCE, SOON)),
  attemptsOf(2, 4, 10, fc.oneof(UNTIL_UNLOCKED, AT_ONCE, SOON, LATER)),
)

/** The throttle over a store of its own, with nobody having failed yet. */
function createThrottleFixture() {
  const store = createTestStore()
  const ada = createAccount('ada')
  const clock = createManualClock()
  const counters = createThrottleBucketStore(store.db)
  const throttle = createThrottle(counters, clock.now)

  return {
    clock,
    /** Runs a case in one transaction. */
    async runCase(work: () => void): Promise<void> {
      await store.db.write(() => {
        store.db.sql.run('DELETE FROM lanes')
        store.db.sql.run('DELETE FROM users')
        store.users.insert(ada)
        work()
      })
    },

    /** @returns undefined for an attempt that was let through, else the seconds to wait */
    attempt(username: string, source: AttemptSource, right: boolean): number | undefined {
      const bucket = throttle.bucketOf(username, username === 'ada' ? ada.id : undefined, source)
      try {
        throttle.rejectLocked(source, bucket)
      } catch (error) {
        if (error instanceof ApiError && error.kind === 'tooManyAttempts') return error.retryAfterSeconds
        throw error
      }
      if (right) throttle.countSuccess(source, bucket, ada.id)
      else throttle.countFailure(source, bucket)
      return undefined
    },

    isProven: (address: string) => counters.lastLoginAt(ada.id, address) !== undefined,
    [Symbol.dispose]: store[Symbol.dispose],
  }
}

const usernameOf = ({ name }: LoginAttempt) => (name === 0 ? 'ada' : `nobody-${name}`)

function sourceOf({ name, addressIndex, withSession }: LoginAttempt): AttemptSource {
  return { address: `192.0.2.${addressIndex}`, sessionId: withSession && name === 0 ? 'session' : undefined }
}

test('what is let through is what the limits say, and the seconds to wait are those of a lock', async () => {
  using fixture = createThrottleFixture()
  await checkProperty('throttle: like the limits', attemptCases, async attempts => {
    await fixture.runCase(() => {
      const model = createThrottleModel()
      const proven = new Set<string>()
      for (const loginAttempt of attempts) {
        const source = sourceOf(loginAttempt)
        const { address, sessionId } = source
        const ownAddress = loginAttempt.name === 0 && proven.has(address) ? address : undefined
        const bucket = sessionId ?? ownAddress ?? `strangers at ${usernameOf(loginAttempt)}`
        const right = loginAttempt.right && loginAttempt.name === 0
        const attempt: Attempt = { address, bucket }
        const opensAt = model.opensAt(attempt)
        const wait =
          loginAttempt.wait === 'until open'
            ? Math.max(opensAt.bucket, opensAt.address) - fixture.clock.now()
            : loginAttempt.wait
        fixture.clock.advance(Math.max(0, wait))

        const now = fixture.clock.now()
        const lockEnds = [opensAt.bucket, opensAt.address].filter(until => until > now)
        const retryAfter = fixture.attempt(usernameOf(loginAttempt), source, right)
        if (lockEnds.length === 0) expect(retryAfter).toBeUndefined()
        else expect(retryAfter).toBe(Math.ceil((Math.max(...lockEnds) - now) / 1000))
        if (lockEnds.length > 0) continue
        if (!right) model.recordFailure(attempt, now)
        else {
          model.recordSuccess(attempt)
          // The ten newest are kept; here are four at the most that ever succeed.
          proven.add(address)
        }
      }
    })
  })
})

/** What strangers try, and then who is at home. */
interface AttemptRound {
  anonymousAttempts: LoginAttempt[]
  own: { right: boolean; wait: LoginAttempt['wait'] }
}

const rounds: fc.Arbitrary<AttemptRound[]> = fc.array(
  fc.record({
    anonymousAttempts: attemptsOf(2, 30, 0, fc.oneof(AT_ONCE, SOON, LATER)),
    own: fc.record({ right: fc.boolean(), wait: fc.oneof(AT_ONCE, SOON, LATER) }),
  }),
  { maxLength: 8, size: 'max' },
)

test('whatever strangers try, an address that a user proved is answered as if they were not there', async () => {
  using fixture = createThrottleFixture()
  const provenSource: AttemptSource = { address: '203.0.113.1' }

  /** What home is answered, with the strangers or without them. */
  function responses(attempts: AttemptRound[], withAnonymous: boolean): unknown[] {
    const advance = (wait: LoginAttempt['wait']) => fixture.clock.advance(wait === 'until open' ? HOUR : wait)
    fixture.attempt('ada', provenSource, true)
    return attempts.map(({ anonymousAttempts, own }) => {
      for (const loginAttempt of anonymousAttempts) {
        advance(loginAttempt.wait)
        if (withAnonymous) fixture.attempt(usernameOf(loginAttempt), { address: sourceOf(loginAttempt).address }, false)
      }
      advance(own.wait)
      return fixture.attempt('ada', provenSource, own.right)
    })
  }

  await checkProperty('throttle: strangers apart', rounds, async rounds => {
    const attempts: unknown[][] = []
    await fixture.runCase(() => void attempts.push(responses(rounds, true)))
    await fixture.runCase(() => void attempts.push(responses(rounds, false)))
    expect(attempts[0]).toEqual(attempts[1])
  })
})
