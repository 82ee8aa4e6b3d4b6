import type { ThrottleBucket } from '../store/failure-counters.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** The failures after which a bucket locks, and the duration of the lock. */
export interface ThrottleLimits {
  /** Failures without a success in between. Each one from this count on locks the bucket. */
  consecutiveFailures: number
  firstLockMs: number
  maxLockMs: number
  /** Failures within the window, regardless of successes. The bucket then stays locked until the window ends. */
  windowFailures: number
  windowMs: number
}

/**
 * Limits of a user's bucket. Two of a million codes are valid at a time, and any 365 days overlap two windows: at most
 * 200 guesses, a chance below 1 in 2,000 for anonymous clients, however many addresses they have.
 */
export const USER_LIMITS: ThrottleLimits = {
  consecutiveFailures: 5,
  firstLockMs: MINUTE_MS,
  maxLockMs: 60 * MINUTE_MS,
  windowFailures: 100,
  windowMs: 365 * DAY_MS,
}

/** Limits of an address, counted across all users: 20 failures lock it for the rest of a 10-minute window. */
export const ADDRESS_LIMITS: ThrottleLimits = {
  consecutiveFailures: Number.POSITIVE_INFINITY,
  firstLockMs: 0,
  maxLockMs: 0,
  windowFailures: 20,
  windowMs: 10 * MINUTE_MS,
}

/** @returns milliseconds since 1970; 0 for a bucket without failures */
export function lockEndOf(bucket: ThrottleBucket | undefined, limits: ThrottleLimits, now: number): number {
  if (!bucket) return 0
  const windowEndsAt = bucket.windowStartsAt + limits.windowMs
  const isWindowExhausted = bucket.windowFailures >= limits.windowFailures && now < windowEndsAt
  return isWindowExhausted ? Math.max(windowEndsAt, bucket.lockedUntil) : bucket.lockedUntil
}

/** @returns the bucket after one more failure */
export function addFailure(previous: ThrottleBucket | undefined, limits: ThrottleLimits, now: number): ThrottleBucket {
  const isSameWindow = previous !== undefined && now < previous.windowStartsAt + limits.windowMs
  const consecutive = (previous?.consecutive ?? 0) + 1
  const lockExponent = consecutive - limits.consecutiveFailures
  const lockMs = lockExponent < 0 ? 0 : Math.min(limits.firstLockMs * 2 ** lockExponent, limits.maxLockMs)
  return {
    consecutive,
    lockedUntil: now + lockMs,
    windowFailures: isSameWindow ? previous.windowFailures + 1 : 1,
    windowStartsAt: isSameWindow ? previous.windowStartsAt : now,
    lastFailureAt: now,
  }
}
