import type { Act, Audit } from '../audit/service.ts'
import { createRecoveryCodes, hashRecoveryCode } from '../auth/recovery-codes.ts'
import type { Throttle } from '../auth/throttle.ts'
import { createToken, hashToken } from '../auth/tokens.ts'
import { provisioningUri, TOTP_SECRET_BYTES, toBase32 } from '../auth/totp.ts'
import { ApiError } from '../errors.ts'
import { addressGroup } from '../network.ts'
import { Secret } from '../secret.ts'
import type { SteadyClock } from '../steady-clock.ts'
import type { Database } from '../store/database.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { RandomBytes } from '../store/key-file.ts'
import type { KeptSealer } from '../store/sealing-key.ts'
import type { Group, User, UserStore } from '../store/users.ts'

/** How long a link is good, and from its use on the secret that it showed. */
const ENROLMENT_MS = 86_400_000

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
export interface ShownEnrolment extends Enrolment {
  recoveryCodes: Secret[]
  /** Until when a code of this secret must have been used. */
  expiresAt: number
}

export type EnrolmentService = ReturnType<typeof createEnrolmentService>

/**
 * New secrets for users who can be reached by a link only: the owner gives one, or a user without its phone buys one with a
 * recovery code. The secret is shown for the link's one use, and takes effect with the first login with its code.
 */
export function createEnrolmentService(deps: {
  db: Database
  users: UserStore
  enrolments: EnrolmentStore
  throttle: Throttle
  audit: Audit
  sealer: KeptSealer
  /** The time by which links expire. */
  steady: SteadyClock
  random: RandomBytes
  hostLabel: string
}) {
  const { db, users, enrolments, throttle, audit, sealer, steady, random, hostLabel } = deps

  return {
    /**
     * A link for a user, in the place of an earlier one.
     * @throws ApiError 903
     */
    async issue(act: Act, username: string): Promise<EnrolmentLink> {
      return await db.write(() => {
        const account = users.findExactly(username)
        if (!account) throw new ApiError('userNotFound')
        audit.record(act, username)
        return issue(account)
      })
    },

    /**
     * A link for a user who shows a recovery code, which is used up by that. It opens no session.
     * @throws ApiError 927 for everything that does not fit, 915 while locked, as logins are
     */
    async recover(act: Act, username: string, recoveryCode: string): Promise<EnrolmentLink> {
      const source = { address: addressGroup(act.address) }
      const link = await db.write(() => {
        const account = users.findExactly(username)
        const lane = throttle.laneOf(username, account?.id, source)
        throttle.refuseLocked(source, lane)
        const userId = account?.id ?? NOBODY
        if (!enrolments.useCode(userId, hashRecoveryCode(userId, recoveryCode)) || !account) {
          throttle.countFailure(source, lane)
          return undefined
        }
        audit.record(act, username)
        return issue(account)
      })
      if (!link) throw new ApiError('recoveryRefused')
      return link
    },

    /**
     * Uses a link up, and shows what it is for.
     * @throws ApiError 926 for a link that is unknown, expired or used, 915 while the address is locked
     */
    async redeem(act: Act, token: string): Promise<ShownEnrolment> {
      const hash = hashToken(token)
      const known = enrolments.findByToken(hash)
      const secret = random(TOTP_SECRET_BYTES)
      const sealedSecret = await sealer.seal(secret, known?.userId ?? NOBODY)
      const recoveryCodes = createRecoveryCodes(random)
      const source = { address: addressGroup(act.address) }
      const shown = await db.write(() => {
        const enrolment = enrolments.findByToken(hash)
        const user = users.list().find(({ id }) => id === enrolment?.userId)
        if (!enrolment || !user || enrolment.userId !== known?.userId || enrolment.expiresAt <= steady()) {
          // As with refresh tokens: 256 bits are not found by trying, and a neighbour has done nothing wrong.
          throttle.refuseLockedAddress(source)
          throttle.countAddressFailure(source)
          return undefined
        }
        sealer.requireCurrent(sealedSecret)
        const expiresAt = steady() + ENROLMENT_MS
        const hashes = recoveryCodes.map(code => hashRecoveryCode(user.id, code.reveal()))
        enrolments.show(user.id, { sealedSecret, expiresAt }, hashes)
        audit.record({ ...act, user: user.username }, user.username)
        return { user, expiresAt }
      })
      if (!shown) throw new ApiError('enrolmentUnknown')
      return { ...toEnrolment(shown.user, secret, hostLabel), recoveryCodes, expiresAt: shown.expiresAt }
    },
  }

  function issue(user: User): EnrolmentLink {
    const token = createToken(random)
    const expiresAt = steady() + ENROLMENT_MS
    enrolments.issue(user.id, hashToken(token.reveal()), expiresAt)
    return { token, expiresAt }
  }
}

/** Stands for a user that does not exist, so that it costs what every wrong code costs. */
const NOBODY = 'nobody'

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
