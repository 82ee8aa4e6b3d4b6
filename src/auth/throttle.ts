import { createHmac } from 'node:crypto'
import { ApiError } from '../core/errors.ts'
import type { ThrottleBucketStore } from '../store/failure-counters.ts'
import { ADDRESS_LIMITS, addFailure, lockEndOf, type ThrottleLimits, USER_LIMITS } from './throttle-limits.ts'

const HOUR_MS = 3_600_000
/**
 * Anonymous attempts are counted in a bucket chosen by a keyed hash of the username, whether or not the user exists.
 * Guesses therefore cannot reveal which usernames exist, and the table stays small. Two users rarely share a bucket, and
 * then share only the locks of anonymous clients.
 */
const ANONYMOUS_BUCKETS = 2 ** 18
const MAX_ADDRESS_BUCKETS = 50_000
const FAILURES_PER_CLEANUP = 1_000
const MAX_VERIFIED_ADDRESSES = 10

/** The origin of an attempt, as far as locks are concerned. */
export interface AttemptSource {
  /** An IPv4 address or an IPv6 /64 (`addressPrefix`). */
  address: string
  /** The user's own session, if the request carried one of its tokens. */
  sessionId?: string | undefined
}

export type Throttle = ReturnType<typeof createThrottle>

/**
 * Counts failures and rejects attempts while a bucket is locked (ASVS 5.0 6.3.1, RFC 4226 section 7.3). Call it inside
 * the transaction of the attempt, so that concurrent guesses are limited exactly like consecutive ones.
 */
export function createThrottle(buckets: ThrottleBucketStore, now: () => number) {
  let failureCount = 0

  return {
    /** @throws ApiError 915 with the seconds to wait while the address or the user's bucket is locked */
    rejectLocked(source: AttemptSource, bucket: string): void {
      rejectUntil(Math.max(lockEnd(addressBucket(source), ADDRESS_LIMITS), lockEnd(bucket, USER_LIMITS)))
    },

    /** @throws ApiError 915 while the address is locked */
    rejectLockedAddress: (source: AttemptSource): void => rejectUntil(lockEnd(addressBucket(source), ADDRESS_LIMITS)),

    /** @throws ApiError 915 while this bucket is locked */
    rejectLockedBucket: (bucket: string): void => rejectUntil(lockEnd(bucket, USER_LIMITS)),

    countFailure(source: AttemptSource, bucket: string): void {
      recordFailure(addressBucket(source), ADDRESS_LIMITS)
      recordFailure(bucket, USER_LIMITS)
    },

    countBucketFailure: (bucket: string): void => recordFailure(bucket, USER_LIMITS),

    countAddressFailure: (source: AttemptSource): void => recordFailure(addressBucket(source), ADDRESS_LIMITS),

    /** Resets the consecutive failures of this bucket only: guesses counted in other buckets remain. */
    countSuccess(source: AttemptSource, bucket: string, userId: string): void {
      const record = buckets.find(bucket)
      if (record && record.consecutive > 0) buckets.save(bucket, { ...record, consecutive: 0, lockedUntil: 0 })
      rememberAddress(userId, source)
    },

    rememberAddress,

    /**
     * The bucket of a login attempt. The user's sessions and verified addresses have their own buckets, so an anonymous
     * client that knows the username cannot lock the user out.
     */
    bucketOf(username: string, userId: string | undefined, source: AttemptSource): string {
      if (userId !== undefined && source.sessionId !== undefined) return `user:${username}:session:${source.sessionId}`
      if (userId !== undefined && buckets.lastLoginAt(userId, source.address) !== undefined) {
        return `user:${username}:address:${source.address}`
      }
      return anonymousBucket(username)
    },

    /** The bucket of recovery codes, separate from login codes: guessing one kind does not lock the other. */
    recoveryBucketOf: (username: string): string => `recovery:${bucketIndexOf(username)}`,

    /** The bucket of codes that confirm a new secret; only the holder of its link can try them. */
    enrolmentBucketOf: (username: string): string => `user:${username}:enrolment`,

    /** Removes every lock on a user. */
    unlock(username: string): void {
      buckets.removeByPrefix(`user:${username}:`)
      buckets.remove(anonymousBucket(username))
      buckets.remove(`recovery:${bucketIndexOf(username)}`)
    },

    /** Removes every lock on addresses. */
    unlockAddresses: (): void => buckets.removeByPrefix('address:'),

    /** Current locks on addresses, on logins (anonymous and the users' own buckets) and on recovery codes. */
    countLocks: () => ({
      address: countLocked('address:', ADDRESS_LIMITS),
      login: countLocked('anonymous:', USER_LIMITS) + countLocked('user:', USER_LIMITS),
      recovery: countLocked('recovery:', USER_LIMITS),
    }),
  }

  /** Marks the address as verified by the user. Precise to the hour, which saves a write on most logins. */
  function rememberAddress(userId: string, source: AttemptSource): void {
    const rememberedAt = buckets.lastLoginAt(userId, source.address)
    if (rememberedAt !== undefined && now() - rememberedAt < HOUR_MS) return
    buckets.recordLoginAddress(userId, source.address, now(), MAX_VERIFIED_ADDRESSES)
  }

  function anonymousBucket(username: string): string {
    return `anonymous:${bucketIndexOf(username)}`
  }

  function bucketIndexOf(username: string): number {
    return createHmac('sha256', buckets.salt).update(username).digest().readUInt32BE() % ANONYMOUS_BUCKETS
  }

  function rejectUntil(lockedUntil: number): void {
    if (lockedUntil <= now()) return
    throw new ApiError('tooManyAttempts', { retryAfterSeconds: Math.ceil((lockedUntil - now()) / 1000) })
  }

  function lockEnd(bucket: string, limits: ThrottleLimits): number {
    return lockEndOf(buckets.find(bucket), limits, now())
  }

  function countLocked(prefix: string, { windowFailures, windowMs }: ThrottleLimits): number {
    return buckets.countLocked(prefix, now(), windowFailures, now() - windowMs)
  }

  function recordFailure(bucket: string, limits: ThrottleLimits): void {
    buckets.save(bucket, addFailure(buckets.find(bucket), limits, now()))
    failureCount += 1
    if (failureCount % FAILURES_PER_CLEANUP === 0) buckets.retainNewestAddresses(MAX_ADDRESS_BUCKETS)
  }
}

function addressBucket(source: AttemptSource): string {
  return `address:${source.address}`
}
