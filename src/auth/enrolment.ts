import type { Audit } from '../audit/service.ts'
import type { Actor } from '../core/actor.ts'
import type { MonotonicWallClock } from '../core/clock.ts'
import { ApiError } from '../core/errors.ts'
import type { Group } from '../core/groups.ts'
import { addressPrefix } from '../core/network.ts'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'
import type { Database } from '../store/database.ts'
import type { RotatableSecretBox } from '../store/encryption-key.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { SessionStore } from '../store/sessions.ts'
import type { User, UserStore } from '../store/users.ts'
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.ts'
import type { AttemptSource, Throttle } from './throttle.ts'
import { createToken, hashToken } from './tokens.ts'
import { matchingStep, provisioningUri, TOTP_SECRET_BYTES, toBase32 } from './totp.ts'

/** How long a link is good, and from its use on the secret that it showed. */
const ENROLMENT_LIFETIME_MS = 86_400_000

/** What a person enters into an authenticator app. */
export interface Enrolment {
  username: string
  group: Group
  /** Base32. */
  secret: Secret
  otpauthUrl: Secret
}

/** Where a person gets a new secret. */
export interface EnrolmentLink {
  token: Secret
  /** Milliseconds since 1970. */
  expiresAt: number
}

/** What a link shows, once. */
export interface RedeemedEnrolment extends Enrolment {
  recoveryCodes: Secret[]
  /** Until when a code of this secret must have been used. */
  expiresAt: number
}

/** A secret that was shown and does not count yet. */
export interface PendingSecret {
  sealedSecret: Uint8Array
  secret: Uint8Array<ArrayBuffer>
}

export type EnrolmentService = ReturnType<typeof createEnrolmentService>

/**
 * New secrets for users who can be reached by a link only: the owner gives one, or a user without its phone buys one with a
 * recovery code. The secret is shown for the link's one use, and takes effect with the first login with its code.
 */
export function createEnrolmentService(deps: {
  db: Database
  users: UserStore
  sessions: SessionStore
  enrolments: EnrolmentStore
  throttle: Throttle
  audit: Audit
  secretBox: RotatableSecretBox
  /** The time that phones have, for codes. */
  now: () => number
  /** The time by which links expire. */
  monotonicWallClock: MonotonicWallClock
  random: RandomBytes
  hostLabel: string
}) {
  const { db, users, sessions, enrolments, throttle, audit, secretBox, now, monotonicWallClock, random, hostLabel } =
    deps

  return {
    /**
     * A link for a user, in the place of an earlier one.
     * @throws ApiError 903
     */
    async issue(actor: Actor, username: string): Promise<EnrolmentLink> {
      return await db.write(() => {
        const account = users.findExactly(username)
        if (!account) throw new ApiError('userNotFound')
        audit.record(actor, username)
        return issueLink(account)
      })
    },

    /**
     * A link for a user who shows a recovery code, which is used up by that. It opens no session.
     * @throws ApiError 927 for everything that does not fit, 915 while locked, as logins are but apart from them
     */
    async recover(actor: Actor, username: string, recoveryCode: string): Promise<EnrolmentLink> {
      const source = { address: addressPrefix(actor.address) }
      const link = await db.write(() => {
        const account = users.findExactly(username)
        const bucket = throttle.recoveryBucketOf(username)
        throttle.rejectLocked(source, bucket)
        const userId = account?.id ?? UNKNOWN_USER_ID
        if (!enrolments.consumeCode(userId, hashRecoveryCode(userId, recoveryCode)) || !account) {
          throttle.countFailure(source, bucket)
          return undefined
        }
        audit.record(actor, username)
        return issueLink(account)
      })
      if (!link) throw new ApiError('recoveryRefused')
      return link
    },

    /**
     * Uses a link up, and shows what it is for.
     * @throws ApiError 926 for a link that is unknown, expired or used, 915 while the address is locked
     */
    async redeem(actor: Actor, token: string): Promise<RedeemedEnrolment> {
      const hash = hashToken(token)
      const enrolmentBefore = enrolments.findByToken(hash)
      const secret = random(TOTP_SECRET_BYTES)
      const sealedSecret = await secretBox.encrypt(secret, enrolmentBefore?.userId ?? UNKNOWN_USER_ID)
      const recoveryCodes = createRecoveryCodes(random)
      const source = { address: addressPrefix(actor.address) }
      const redeemed = await db.write(() => {
        const enrolment = enrolments.findByToken(hash)
        const user = users.list().find(({ id }) => id === enrolment?.userId)
        const isRedeemable = enrolment && !enrolment.isShown && enrolment.userId === enrolmentBefore?.userId
        if (!isRedeemable || !user || enrolment.expiresAt <= monotonicWallClock()) {
          rejectUnknown(source)
          return undefined
        }
        secretBox.requireCurrent(sealedSecret)
        const expiresAt = monotonicWallClock() + ENROLMENT_LIFETIME_MS
        const hashes = recoveryCodes.map(code => hashRecoveryCode(user.id, code.reveal()))
        enrolments.redeem(user.id, { sealedSecret, expiresAt }, hashes)
        audit.record({ ...actor, user: user.username }, user.username)
        return { user, expiresAt }
      })
      if (!redeemed) throw new ApiError('enrolmentUnknown')
      return { ...toEnrolment(redeemed.user, secret, hostLabel), recoveryCodes, expiresAt: redeemed.expiresAt }
    },

    /**
     * Makes the secret count that a link has shown, for who holds the link and shows a code of that secret and no other.
     * The address is known from then on. It opens no session.
     * @throws ApiError 926 for a link that has shown nothing, 902 for a code that is not of the new secret, 915 while locked
     */
    async confirm(actor: Actor, token: string, code: string): Promise<void> {
      const hash = hashToken(token)
      const source = { address: addressPrefix(actor.address) }
      const pending = await loadPending(hash)
      const outcome = await db.write(() => {
        const enrolment = enrolments.findByToken(hash)
        const user = users.list().find(({ id }) => id === enrolment?.userId)
        // A link that was not used has no secret that waits.
        if (!enrolment || !user || !pending || enrolment.expiresAt <= monotonicWallClock()) {
          rejectUnknown(source)
          return 'enrolmentUnknown' as const
        }
        const bucket = throttle.enrolmentBucketOf(user.username)
        throttle.rejectLockedBucket(bucket)
        if (!activate({ ...actor, user: user.username }, user, pending, code)) {
          throttle.countBucketFailure(bucket)
          return 'codeRefused' as const
        }
        throttle.rememberAddress(user.id, source)
        return 'done' as const
      })
      if (outcome !== 'done') throw new ApiError(outcome)
    },

    pendingSecret,
    activate,
  }

  /** What a login of this user may turn out to be the first one of, opened. */
  async function pendingSecret(userId: string): Promise<PendingSecret | undefined> {
    const stored = enrolments.findPendingSecret(userId)
    return stored && { sealedSecret: stored.sealedSecret, secret: await secretBox.decrypt(stored.sealedSecret, userId) }
  }

  async function loadPending(tokenHash: Uint8Array): Promise<PendingSecret | undefined> {
    const enrolment = enrolments.findByToken(tokenHash)
    return enrolment && (await pendingSecret(enrolment.userId))
  }

  /**
   * The first right code of a new secret puts it in the place of the old one, and ends what was opened with that.
   * Runs inside `database.write`.
   * @returns whether it did
   */
  function activate(actor: Actor, user: User, pending: PendingSecret, code: string): boolean {
    const current = enrolments.findPendingSecret(user.id)
    const step = matchingStep(pending.secret, code, now())
    if (!current || step === undefined || current.expiresAt <= monotonicWallClock()) return false
    // What was opened must still be what is pending.
    if (!Buffer.from(current.sealedSecret).equals(pending.sealedSecret)) return false
    users.replaceSecret(user.id, current.sealedSecret, step)
    enrolments.activate(user.id)
    sessions.removeAllOfUser(user.id)
    audit.record({ ...actor, action: 'user.enrolled' }, user.username)
    return true
  }

  function rejectUnknown(source: AttemptSource): void {
    // As with refresh tokens: 256 bits are not found by trying, and a neighbour has done nothing wrong.
    throttle.rejectLockedAddress(source)
    throttle.countAddressFailure(source)
  }

  function issueLink(user: User): EnrolmentLink {
    const token = createToken(random)
    const expiresAt = monotonicWallClock() + ENROLMENT_LIFETIME_MS
    enrolments.issue(user.id, hashToken(token.reveal()), expiresAt)
    return { token, expiresAt }
  }
}

/** Stands for a user that does not exist, so that it costs what every wrong code costs. */
const UNKNOWN_USER_ID = 'nobody'

/** @param hostLabel what authenticator apps show as the account's host */
export function toEnrolment(user: User, secret: Uint8Array<ArrayBuffer>, hostLabel: string): Enrolment {
  const { username, group } = user
  return {
    username,
    group,
    secret: new Secret(toBase32(secret)),
    otpauthUrl: new Secret(provisioningUri(secret, username, hostLabel)),
  }
}
