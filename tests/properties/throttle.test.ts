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

/** A login attempt, after some time or as soon as the locks have ended. */
interface LoginAttempt {
  /** 0 is Ada, the only existing user. */
  name: number
  addressIndex: number
  /** Whether the request carries a token of Ada's session. */
  withSession: boolean
  isValid: boolean
  /** Milliseconds before the attempt. */
  wait: number | 'until unlocked'
}

const UNTIL_UNLOCKED = { arbitrary: fc.constant<LoginAttempt['wait']>('until unlocked'), weight: 3 }
const AT_ONCE = { arbitrary: fc.constant(0), weight: 3 }
const SOON = fc.constantFrom(1, 1_000, MINUTE - 1, MINUTE)
const LATER = fc.constantFrom(10 * MINUTE - 1, 10 * MINUTE, HOUR, DAY, 364 * DAY, 365 * DAY)

/** @param validPercent how many attempts have a valid code */
function attemptsOf(
  names: number,
  addresses: number,
  validPercent: number,
  wait: fc.Arbitrary<LoginAttempt['wait']>,
): fc.Arbitrary<LoginAttempt[]> {
  const chance = (percent: number) => fc.integer({ min: 0, max: 99 }).map(number => number < percent)
  const loginAttempt = fc.record({
    name: fc.nat(names - 1),
    addressIndex: fc.nat(addresses - 1),
    withSession: chance(5),
    isValid: chance(validPercent),
    wait,
  })
  return fc.array(loginAttempt, { maxLength: 250, size: 'max' })
}

const attemptCases = fc.oneof(
  // A few addresses that try many usernames reach the address limit.
  attemptsOf(40, 3, 5, fc.oneof(AT_ONCE, AT_ONCE, SOON, UNTIL_UNLOCKED)),
  // One username reaches the yearly limit, from many addresses or from a verified one.
  attemptsOf(1, 100, 0, fc.oneof(UNTIL_UNLOCKED, AT_ONCE, LATER)),
  attemptsOf(1, 1, 20, fc.oneof(UNTIL_UNLOCKED, AT_ONCE, SOON)),
  attemptsOf(2, 4, 10, fc.oneof(UNTIL_UNLOCKED, AT_ONCE, SOON, LATER)),
)

/** The throttle over a separate store without failures. */
function createThrottleFixture() {
  const store = createTestStore()
  const ada = createAccount('ada')
  const clock = createManualClock()
  const buckets = createThrottleBucketStore(store.db)
  const throttle = createThrottle(buckets, clock.now)

  return {
    clock,
    /** Runs a case in one transaction, starting without failures. */
    async runCase(work: () => void): Promise<void> {
      await store.db.write(() => {
        store.db.sql.run('DELETE FROM throttle_buckets')
        store.db.sql.run('DELETE FROM users')
        store.users.insert(ada)
        work()
      })
    },

    /** @returns the seconds to wait, or undefined if the attempt was allowed */
    attempt(username: string, source: AttemptSource, isValid: boolean): number | undefined {
      const bucket = throttle.bucketOf(username, username === 'ada' ? ada.id : undefined, source)
      try {
        throttle.rejectLocked(source, bucket)
      } catch (error) {
        if (error instanceof ApiError && error.kind === 'tooManyAttempts') return error.retryAfterSeconds
        throw error
      }
      if (isValid) throttle.countSuccess(source, bucket, ada.id)
      else throttle.countFailure(source, bucket)
      return undefined
    },

    [Symbol.dispose]: store[Symbol.dispose],
  }
}

const usernameOf = ({ name }: LoginAttempt) => (name === 0 ? 'ada' : `unknown-${name}`)

function sourceOf({ name, addressIndex, withSession }: LoginAttempt): AttemptSource {
  return { address: `192.0.2.${addressIndex}`, sessionId: withSession && name === 0 ? 'session' : undefined }
}

test('locks and waiting times match the model', async () => {
  using fixture = createThrottleFixture()
  await checkProperty('throttle: match the limits', attemptCases, async attempts => {
    await fixture.runCase(() => {
      const model = createThrottleModel()
      const verified = new Set<string>()
      for (const loginAttempt of attempts) {
        const source = sourceOf(loginAttempt)
        const { address, sessionId } = source
        const ownAddress = loginAttempt.name === 0 && verified.has(address) ? address : undefined
        const bucket = sessionId ?? ownAddress ?? `anonymous ${usernameOf(loginAttempt)}`
        const isValid = loginAttempt.isValid && loginAttempt.name === 0
        const attempt: Attempt = { address, bucket }
        const opensAt = model.opensAt(attempt)
        const wait =
          loginAttempt.wait === 'until unlocked'
            ? Math.max(opensAt.bucket, opensAt.address) - fixture.clock.now()
            : loginAttempt.wait
        fixture.clock.advance(Math.max(0, wait))

        const now = fixture.clock.now()
        const lockEnds = [opensAt.bucket, opensAt.address].filter(until => until > now)
        const retryAfter = fixture.attempt(usernameOf(loginAttempt), source, isValid)
        if (lockEnds.length === 0) expect(retryAfter).toBeUndefined()
        else expect(retryAfter).toBe(Math.ceil((Math.max(...lockEnds) - now) / 1000))
        if (lockEnds.length > 0) continue
        if (!isValid) model.recordFailure(attempt, now)
        else {
          model.recordSuccess(attempt)
          // The throttle remembers ten addresses, and at most four succeed here.
          verified.add(address)
        }
      }
    })
  })
})

/** Attempts of anonymous clients, followed by one of the user. */
interface AttemptRound {
  anonymousAttempts: LoginAttempt[]
  own: { isValid: boolean; wait: LoginAttempt['wait'] }
}

const rounds: fc.Arbitrary<AttemptRound[]> = fc.array(
  fc.record({
    anonymousAttempts: attemptsOf(2, 30, 0, fc.oneof(AT_ONCE, SOON, LATER)),
    own: fc.record({ isValid: fc.boolean(), wait: fc.oneof(AT_ONCE, SOON, LATER) }),
  }),
  { maxLength: 8, size: 'max' },
)

test('anonymous attempts do not affect a verified address', async () => {
  using fixture = createThrottleFixture()
  const verifiedSource: AttemptSource = { address: '203.0.113.1' }

  /** The results at the verified address, with or without the anonymous attempts. */
  function resultsOf(rounds: AttemptRound[], withAnonymous: boolean): unknown[] {
    const advance = (wait: LoginAttempt['wait']) => fixture.clock.advance(wait === 'until unlocked' ? HOUR : wait)
    fixture.attempt('ada', verifiedSource, true)
    return rounds.map(({ anonymousAttempts, own }) => {
      for (const loginAttempt of anonymousAttempts) {
        advance(loginAttempt.wait)
        if (withAnonymous) fixture.attempt(usernameOf(loginAttempt), { address: sourceOf(loginAttempt).address }, false)
      }
      advance(own.wait)
      return fixture.attempt('ada', verifiedSource, own.isValid)
    })
  }

  await checkProperty('throttle: anonymous clients isolated', rounds, async rounds => {
    const results: unknown[][] = []
    await fixture.runCase(() => void results.push(resultsOf(rounds, true)))
    await fixture.runCase(() => void results.push(resultsOf(rounds, false)))
    expect(results[0]).toEqual(results[1])
  })
})
