import { createHmac } from 'node:crypto'
import { ApiError } from '../errors.ts'
import type { LaneStore } from '../store/lanes.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** How many failures a lane bears, and what follows. */
interface Limits {
  /** Without a success in between; each one from this on locks. */
  consecutive: number
  firstLockMs: number
  longestLockMs: number
  /** Within the window, whatever succeeds in between; then the lane is closed until the window ends. */
  windowFailures: number
  windowMs: number
}

/**
 * A user's lane. Two of a million codes are right at a time, and any 365 days touch two windows: at most 200 guesses,
 * a chance below 1 in 2,000 for strangers however many addresses they have.
 */
export const USER_LIMITS: Limits = {
  consecutive: 5,
  firstLockMs: MINUTE_MS,
  longestLockMs: 60 * MINUTE_MS,
  windowFailures: 100,
  windowMs: 365 * DAY_MS,
}

/** An address, whatever users it tries: 20 failures in 10 minutes close it until those are over. */
export const ADDRESS_LIMITS: Limits = {
  consecutive: Number.POSITIVE_INFINITY,
  firstLockMs: 0,
  longestLockMs: 0,
  windowFailures: 20,
  windowMs: 10 * MINUTE_MS,
}

/**
 * Strangers are counted by a bucket that the name falls into, whether somebody has that name or not: a name that exists
 * is not to be told from one that does not, however many others are tried in between, and the table stays small. Two
 * users share a bucket as rarely as the number is large, and then only as far as strangers go.
 */
const STRANGER_BUCKETS = 2 ** 18
const ADDRESSES_KEPT = 50_000
const FAILURES_PER_CLEANING = 1_000
const PROVEN_ADDRESSES_KEPT = 10

/** Where an attempt comes from, as far as locks go. */
export interface Source {
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
export function createThrottle(lanes: LaneStore, now: () => number) {
  let failures = 0

  return {
    /** @throws ApiError 915 with the time to wait, while the address or this user's lane is locked */
    refuseLocked(source: Source, lane: string): void {
      refuseUntil(Math.max(endOfLock(addressLane(source), ADDRESS_LIMITS), endOfLock(lane, USER_LIMITS)))
    },

    /** @throws ApiError 915 while the address is locked */
    refuseLockedAddress: (source: Source): void => refuseUntil(endOfLock(addressLane(source), ADDRESS_LIMITS)),

    countFailure(source: Source, lane: string): void {
      count(addressLane(source), ADDRESS_LIMITS)
      count(lane, USER_LIMITS)
    },

    /** @throws ApiError 915 while this lane is locked */
    refuseLockedLane: (lane: string): void => refuseUntil(endOfLock(lane, USER_LIMITS)),

    countLaneFailure: (lane: string): void => count(lane, USER_LIMITS),

    /** From here the user has proved to be that user. */
    prove,

    countAddressFailure: (source: Source): void => count(addressLane(source), ADDRESS_LIMITS),

    /** A success ends the row of failures of its own lane, and no other: a stranger's guesses stay counted. */
    countSuccess(source: Source, lane: string, userId: string): void {
      const record = lanes.find(lane)
      if (record && record.consecutive > 0) lanes.put(lane, { ...record, consecutive: 0, lockedUntil: 0 })
      prove(userId, source)
    },

    /**
     * The lane of an attempt on a user. Addresses and sessions that the user proved before have lanes of their own, so
     * that a stranger who knows the name cannot lock its owner out.
     */
    laneOf(username: string, userId: string | undefined, source: Source): string {
      if (userId !== undefined && source.sessionId !== undefined) return `user:${username}:session:${source.sessionId}`
      if (userId !== undefined && lanes.provenAt(userId, source.address) !== undefined) {
        return `user:${username}:address:${source.address}`
      }
      return strangersLane(username)
    },

    /**
     * The lane of recovery codes, apart from that of login codes: who guesses those keeps nobody from coming back with
     * one of these.
     */
    recoveryLaneOf: (username: string): string => `recovery:${bucketOf(username)}`,

    /** The lane of the first code of a new secret, by who holds its link. */
    enrolmentLaneOf: (username: string): string => `user:${username}:enrolment`,

    /** Lifts every lock on a user. */
    unlock(username: string): void {
      lanes.removeBelow(`user:${username}:`)
      lanes.remove(strangersLane(username))
      lanes.remove(`recovery:${bucketOf(username)}`)
    },

    /** Lifts every lock on addresses. */
    unlockAddresses: (): void => lanes.removeBelow('address:'),

    /** How many locks there are now: on addresses, on logins (strangers' and users' own), on recovery codes. */
    countLocks: () => ({
      address: countLocked('address:', ADDRESS_LIMITS),
      login: countLocked('strangers:', USER_LIMITS) + countLocked('user:', USER_LIMITS),
      recovery: countLocked('recovery:', USER_LIMITS),
    }),
  }

  /** Noted to the hour: who logs in often from one place has one write less each time. */
  function prove(userId: string, source: Source): void {
    const noted = lanes.provenAt(userId, source.address)
    if (noted !== undefined && now() - noted < HOUR_MS) return
    lanes.prove(userId, source.address, now(), PROVEN_ADDRESSES_KEPT)
  }

  function strangersLane(username: string): string {
    return `strangers:${bucketOf(username)}`
  }

  function bucketOf(username: string): number {
    return createHmac('sha256', lanes.salt).update(username).digest().readUInt32BE() % STRANGER_BUCKETS
  }

  function refuseUntil(time: number): void {
    if (time <= now()) return
    throw new ApiError('tooManyAttempts', { retryAfterSeconds: Math.ceil((time - now()) / 1000) })
  }

  /** @returns 0 for a lane that never failed */
  function endOfLock(lane: string, limits: Limits): number {
    const record = lanes.find(lane)
    if (!record) return 0
    const windowEnds = record.windowStartsAt + limits.windowMs
    const closed = record.windowFailures >= limits.windowFailures && now() < windowEnds
    return closed ? Math.max(windowEnds, record.lockedUntil) : record.lockedUntil
  }

  function countLocked(prefix: string, { windowFailures, windowMs }: Limits): number {
    return lanes.countLocked(prefix, now(), windowFailures, now() - windowMs)
  }

  function count(lane: string, limits: Limits): void {
    const time = now()
    const before = lanes.find(lane)
    const sameWindow = before !== undefined && time < before.windowStartsAt + limits.windowMs
    const consecutive = (before?.consecutive ?? 0) + 1
    const locksPassed = consecutive - limits.consecutive
    const lockMs = locksPassed < 0 ? 0 : Math.min(limits.firstLockMs * 2 ** locksPassed, limits.longestLockMs)
    lanes.put(lane, {
      consecutive,
      lockedUntil: time + lockMs,
      windowFailures: sameWindow ? before.windowFailures + 1 : 1,
      windowStartsAt: sameWindow ? before.windowStartsAt : time,
      lastFailureAt: time,
    })
    failures += 1
    if (failures % FAILURES_PER_CLEANING === 0) lanes.keepNewestAddresses(ADDRESSES_KEPT)
  }
}

function addressLane(source: Source): string {
  return `address:${source.address}`
}
