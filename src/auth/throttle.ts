import { createHmac } from 'node:crypto'
import { ApiError } from '../core/errors.ts'
import type { ThrottleBucketStore } from '../store/failure-counters.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** How many failures a lane bears, and what follows. */
interface ThrottleLimits {
  /** Without a success in between; each one from this on locks. */
  consecutiveFailures: number
  firstLockMs: number
  maxLockMs: number
  /** Within the window, whatever succeeds in between; then the lane is closed until the window ends. */
  windowFailures: number
  windowMs: number
}

/**
 * A user's lane. Two of a million codes are right at a time, and any 365 days touch two windows: at most 200 guesses,
 * a chance below 1 in 2,000 for strangers however many addresses they have.
 */
export const USER_LIMITS: ThrottleLimits = {
  consecutiveFailures: 5,
  firstLockMs: MINUTE_MS,
  maxLockMs: 60 * MINUTE_MS,
  windowFailures: 100,
  windowMs: 365 * DAY_MS,
}

/** An address, whatever users it tries: 20 failures in 10 minutes close it until those are over. */
export const ADDRESS_LIMITS: ThrottleLimits = {
  consecutiveFailures: Number.POSITIVE_INFINITY,
  firstLockMs: 0,
  maxLockMs: 0,
  windowFailures: 20,
  windowMs: 10 * MINUTE_MS,
}

/**
 * Strangers are counted by a bucket that the name falls into, whether somebody has that name or not: a name that exists
 * is not to be told from one that does not, however many others are tried in between, and the table stays small. Two
 * users share a bucket as rarely as the number is large, and then only as far as strangers go.
 */
const ANONYMOUS_BUCKETS = 2 ** 18
const MAX_ADDRESS_BUCKETS = 50_000
const FAILURES_PER_CLEANUP = 1_000
const MAX_VERIFIED_ADDRESSES = 10

/** Where an attempt comes from, as far as locks go. */
export interface AttemptSource {
  /** An IPv4 address or an IPv6 /64 (`addressGroup`). */
  address: string
  /** The session of this user whose token came along. */
  sessionId?: string | undefined
}

export type Throttle = ReturnType<typeof createThrottle>

/**
 * Counts failures and refuses what comes too often (ASVS 5.0 6.3.1, RFC 4226 section 7.3). All of it runs inside the
 * transaction of the attempt itself, so that of a hundred guesses at once no more count than of a hundred in a row.
 */
export function createThrottle(buckets: ThrottleBucketStore, now: () => number) {
  let failureCount = 0

  return {
    /** @throws ApiError 915 with the time to wait, while the address or this user's lane is locked */
    rejectLocked(source: AttemptSource, bucket: string): void {
      rejectUntil(Math.max(lockEndOf(addressBucket(source), ADDRESS_LIMITS), lockEndOf(bucket, USER_LIMITS)))
    },

    /** @throws ApiError 915 while the address is locked */
    rejectLockedAddress: (source: AttemptSource): void => rejectUntil(lockEndOf(addressBucket(source), ADDRESS_LIMITS)),

    countFailure(source: AttemptSource, bucket: string): void {
      recordFailure(addressBucket(source), ADDRESS_LIMITS)
      recordFailure(bucket, USER_LIMITS)
    },

    /** @throws ApiError 915 while this lane is locked */
    rejectLockedBucket: (bucket: string): void => rejectUntil(lockEndOf(bucket, USER_LIMITS)),

    countBucketFailure: (bucket: string): void => recordFailure(bucket, USER_LIMITS),

    /** From here the user has proved to be that user. */
    rememberAddress,

    countAddressFailure: (source: AttemptSource): void => recordFailure(addressBucket(source), ADDRESS_LIMITS),

    /** A success ends the row of failures of its own lane, and no other: a stranger's guesses stay counted. */
    countSuccess(source: AttemptSource, bucket: string, userId: string): void {
      const record = buckets.find(bucket)
      if (record && record.consecutive > 0) buckets.save(bucket, { ...record, consecutive: 0, lockedUntil: 0 })
      rememberAddress(userId, source)
    },

    /**
     * The lane of an attempt on a user. Addresses and sessions that the user proved before have lanes of their own, so
     * that a stranger who knows the name cannot lock its owner out.
     */
    bucketOf(username: string, userId: string | undefined, source: AttemptSource): string {
      if (userId !== undefined && source.sessionId !== undefined) return `user:${username}:session:${source.sessionId}`
      if (userId !== undefined && buckets.lastLoginAt(userId, source.address) !== undefined) {
        return `user:${username}:address:${source.address}`
      }
      return anonymousBucket(username)
    },

    /**
     * The lane of recovery codes, apart from that of login codes: who guesses those keeps nobody from coming back with
     * one of these.
     */
    recoveryBucketOf: (username: string): string => `recovery:${bucketIndexOf(username)}`,

    /** The lane of the first code of a new secret, by who holds its link. */
    enrolmentBucketOf: (username: string): string => `user:${username}:enrolment`,

    /** Lifts every lock on a user. */
    unlock(username: string): void {
      buckets.removeByPrefix(`user:${username}:`)
      buckets.remove(anonymousBucket(username))
      buckets.remove(`recovery:${bucketIndexOf(username)}`)
    },

    /** Lifts every lock on addresses. */
    unlockAddresses: (): void => buckets.removeByPrefix('address:'),

    /** How many locks there are now: on addresses, on logins (strangers' and users' own), on recovery codes. */
    countLocks: () => ({
      address: countLocked('address:', ADDRESS_LIMITS),
      login: countLocked('strangers:', USER_LIMITS) + countLocked('user:', USER_LIMITS),
      recovery: countLocked('recovery:', USER_LIMITS),
    }),
  }

  /** Noted to the hour: who logs in often from one place has one write less each time. */
  function rememberAddress(userId: string, source: AttemptSource): void {
    const rememberedAt = buckets.lastLoginAt(userId, source.address)
    if (rememberedAt !== undefined && now() - rememberedAt < HOUR_MS) return
    buckets.recordLoginAddress(userId, source.address, now(), MAX_VERIFIED_ADDRESSES)
  }

  function anonymousBucket(username: string): string {
    return `strangers:${bucketIndexOf(username)}`
  }

  function bucketIndexOf(username: string): number {
    return createHmac('sha256', buckets.salt).update(username).digest().readUInt32BE() % ANONYMOUS_BUCKETS
  }

  function rejectUntil(lockedUntil: number): void {
    if (lockedUntil <= now()) return
    throw new ApiError('tooManyAttempts', { retryAfterSeconds: Math.ceil((lockedUntil - now()) / 1000) })
  }

  /** @returns 0 for a lane that never failed */
  function lockEndOf(bucket: string, limits: ThrottleLimits): number {
    const record = buckets.find(bucket)
    if (!record) return 0
    const windowEndsAt = record.windowStartsAt + limits.windowMs
    const isWindowExhausted = record.windowFailures >= limits.windowFailures && now() < windowEndsAt
    return isWindowExhausted ? Math.max(windowEndsAt, record.lockedUntil) : record.lockedUntil
  }

  function countLocked(prefix: string, { windowFailures, windowMs }: ThrottleLimits): number {
    return buckets.countLocked(prefix, now(), windowFailures, now() - windowMs)
  }

  function recordFailure(bucket: string, limits: ThrottleLimits): void {
    const time = now()
    const previous = buckets.find(bucket)
    const isSameWindow = previous !== undefined && time < previous.windowStartsAt + limits.windowMs
    const consecutive = (previous?.consecutive ?? 0) + 1
    const lockExponent = consecutive - limits.consecutiveFailures
    const lockMs = lockExponent < 0 ? 0 : Math.min(limits.firstLockMs * 2 ** lockExponent, limits.maxLockMs)
    buckets.save(bucket, {
      consecutive,
      lockedUntil: time + lockMs,
      windowFailures: isSameWindow ? previous.windowFailures + 1 : 1,
      windowStartsAt: isSameWindow ? previous.windowStartsAt : time,
      lastFailureAt: time,
    })
    failureCount += 1
    if (failureCount % FAILURES_PER_CLEANUP === 0) buckets.retainNewestAddresses(MAX_ADDRESS_BUCKETS)
  }
}

function addressBucket(source: AttemptSource): string {
  return `address:${source.address}`
}
