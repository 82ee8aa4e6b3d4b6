import type { Actor } from '../core/actor.ts'
import type { MonotonicWallClock } from '../core/clock.ts'
import { ApiError } from '../core/errors.ts'
import { addressPrefix } from '../core/network.ts'
import type { Secret } from '../core/secret.ts'
import type { User } from '../store/users.ts'
import type { AccountDeps } from './account-deps.ts'
import { type Enrolment, toEnrolment } from './enrolment-details.ts'
import { createPendingSecrets, type PendingSecret } from './pending-secret.ts'
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.ts'
import type { AttemptSource } from './throttle.ts'
import { createToken, hashToken } from './tokens.ts'
import { TOTP_SECRET_BYTES } from './totp.ts'

/** Lifetime of a link and, after it is used, of the pending secret. */
const ENROLMENT_LIFETIME_MS = 86_400_000

/** A one-time link that shows the user a new secret. */
export interface EnrolmentLink {
  token: Secret
  /** Milliseconds since 1970. */
  expiresAt: number
}

/** The secret and recovery codes that a link shows, once. */
export interface RedeemedEnrolment extends Enrolment {
  recoveryCodes: Secret[]
  /** Milliseconds since 1970: the secret is discarded unless one of its codes is used by then. */
  expiresAt: number
}

export type EnrolmentService = ReturnType<typeof createEnrolmentService>

/**
 * Gives users new secrets by one-time links, which the owner issues or a user obtains with a recovery code. Redeeming
 * the link shows the secret; the first valid code activates it.
 */
export function createEnrolmentService(
  deps: AccountDeps & {
    /** The system's time, for codes. */
    now: () => number
    /** For the expiry of links. */
    monotonicWallClock: MonotonicWallClock
  },
) {
  const { db, users, enrolments, throttle, audit, secretBox, monotonicWallClock, random, hostLabel } = deps
  const pendingSecrets = createPendingSecrets(deps)

  return {
    /**
     * Issues a link for a user, replacing an earlier one.
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
     * Exchanges a recovery code, which is consumed, for a link. It opens no session.
     * @throws ApiError 927 for a wrong code or an unknown user; 915 while locked (same limits as logins, counted separately)
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
     * Consumes a link and returns a new pending secret with its recovery codes.
     * @throws ApiError 926 for a link that is unknown, expired or used, 915 while the address is locked
     */
    async redeem(actor: Actor, token: string): Promise<RedeemedEnrolment> {
      const hash = hashToken(token)
      const enrolmentBefore = enrolments.findByToken(hash)
      const secret = random(TOTP_SECRET_BYTES)
      const encryptedSecret = await secretBox.encrypt(secret, enrolmentBefore?.userId ?? UNKNOWN_USER_ID)
      const recoveryCodes = createRecoveryCodes(random)
      const source = { address: addressPrefix(actor.address) }
      const redeemed = await db.write(() => {
        const enrolment = enrolments.findByToken(hash)
        const user = userById(enrolment?.userId)
        const isRedeemable = enrolment && !enrolment.isShown && enrolment.userId === enrolmentBefore?.userId
        if (!isRedeemable || !user || enrolment.expiresAt <= monotonicWallClock()) {
          rejectUnknown(source)
          return undefined
        }
        secretBox.requireCurrent(encryptedSecret)
        const expiresAt = monotonicWallClock() + ENROLMENT_LIFETIME_MS
        const hashes = recoveryCodes.map(code => hashRecoveryCode(user.id, code.reveal()))
        enrolments.redeem(user.id, { encryptedSecret, expiresAt }, hashes)
        audit.record({ ...actor, user: user.username }, user.username)
        return { user, expiresAt }
      })
      if (!redeemed) throw new ApiError('enrolmentUnknown')
      return { ...toEnrolment(redeemed.user, secret, hostLabel), recoveryCodes, expiresAt: redeemed.expiresAt }
    },

    /**
     * Activates the pending secret for the holder of its link, with a code of that secret. Marks the address as verified,
     * but opens no session.
     * @throws ApiError 926 for a link that was not redeemed, 902 for a code of any other secret, 915 while locked
     */
    async confirm(actor: Actor, token: string, code: string): Promise<void> {
      const hash = hashToken(token)
      const source = { address: addressPrefix(actor.address) }
      const pending = await loadPending(hash)
      const outcome = await db.write(() => {
        const enrolment = enrolments.findByToken(hash)
        const user = userById(enrolment?.userId)
        // A link that was not redeemed has no pending secret.
        if (!enrolment || !user || !pending || enrolment.expiresAt <= monotonicWallClock()) {
          rejectUnknown(source)
          return 'enrolmentUnknown' as const
        }
        const bucket = throttle.enrolmentBucketOf(user.username)
        throttle.rejectLockedBucket(bucket)
        if (!pendingSecrets.activate({ ...actor, user: user.username }, user, pending, code)) {
          throttle.countBucketFailure(bucket)
          return 'codeRefused' as const
        }
        throttle.rememberAddress(user.id, source)
        return 'done' as const
      })
      if (outcome !== 'done') throw new ApiError(outcome)
    },

    ...pendingSecrets,
  }

  async function loadPending(tokenHash: Uint8Array): Promise<PendingSecret | undefined> {
    const enrolment = enrolments.findByToken(tokenHash)
    return enrolment && (await pendingSecrets.pendingSecret(enrolment.userId))
  }

  function userById(userId: string | undefined): User | undefined {
    return users.list().find(({ id }) => id === userId)
  }

  function rejectUnknown(source: AttemptSource): void {
    // Only unknown tokens are rejected: 256 bits cannot be guessed, and a neighbour's link must keep working.
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

/** Stands in for an unknown user, so that the request does the same work as for an existing one. */
const UNKNOWN_USER_ID = 'nobody'
