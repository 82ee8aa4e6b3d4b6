import type { Actor } from '../core/actor.ts'
import { ApiError, catalogue } from '../core/errors.ts'
import { addressPrefix } from '../core/network.ts'
import type { Secret } from '../core/secret.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { Session } from '../store/sessions.ts'
import type { User } from '../store/users.ts'
import { createAuthentication } from './authentication.ts'
import { type ClientInfo, createLogin, type LoginDeps } from './login.ts'
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.ts'
import { hashToken, issueTokens, type Tokens } from './tokens.ts'

/** How long an expired token still gets 909 (expired) instead of 908 (unknown). */
const EXPIRED_RETENTION_MS = 86_400_000

export type AuthService = Awaited<ReturnType<typeof createAuthService>>

/** Authenticates users by code (`createLogin`) and by token (`createAuthentication`), and manages their sessions. */
export async function createAuthService(deps: LoginDeps & { enrolments: EnrolmentStore }) {
  const { db, users, sessions, enrolments, throttle, audit, monotonicWallClock, random } = deps
  const { login, verifyCode } = await createLogin(deps)

  return {
    login,

    /**
     * Exchanges a refresh token for a new pair. Reuse of an exchanged token ends its session, because someone has a copy
     * (RFC 9700 section 4.14.2).
     * @throws ApiError 910, or 915 while the address is locked. A valid token is accepted even then: 256 bits cannot be
     * guessed, and users behind the same address must not be locked out
     */
    async refresh(actor: Actor, refreshToken: string): Promise<Tokens> {
      const hash = hashToken(refreshToken)
      const source = { address: addressPrefix(actor.address) }
      const tokens = await db.write(() => {
        const holder = sessions.findByRefresh(hash)
        if (!holder || holder.refreshExpiresAt <= monotonicWallClock()) {
          const reusedSessionId = sessions.findRotated(hash)
          if (reusedSessionId) revokeReused(actor, reusedSessionId)
          else throttle.rejectLockedAddress(source)
          throttle.countAddressFailure(source)
          return undefined
        }
        const issued = issueTokens(holder.session, monotonicWallClock(), random)
        sessions.rotate(holder.session.id, hash, issued.stored, monotonicWallClock())
        return issued.tokens
      })
      if (!tokens) throw new ApiError('refreshTokenUnknown')
      return tokens
    },

    ...createAuthentication(deps),

    /**
     * Ends all sessions of a user and cancels a pending enrolment.
     * @throws ApiError 904 unless the caller is that user or the owner, before the user is looked up; 903
     */
    async revoke(actor: Actor, caller: User, username: string): Promise<void> {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('revokeForbidden')
      const account = users.findExactly(username)
      if (!account) throw new ApiError('userNotFound')
      await db.write(() => {
        sessions.removeAllOfUser(account.id)
        // A link in the wrong hands would give access again.
        enrolments.cancel(account.id)
        audit.record(actor, username)
      })
    },

    /** Removes sessions whose tokens expired at least a day ago. Runs inside `database.write`. */
    removeExpired: (): void => sessions.removeExpiredBefore(monotonicWallClock() - EXPIRED_RETENTION_MS),

    /**
     * The active sessions of a user, oldest first.
     * @throws ApiError 912 unless the caller is that user or the owner, before the user is looked up; 903
     */
    listSessions(caller: User, username: string): Session[] {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('groupForbidden')
      const account = users.findExactly(username)
      if (!account) throw new ApiError('userNotFound')
      return sessions.list(account.id, monotonicWallClock())
    },

    /**
     * Replaces the user's recovery codes by ten new ones, in exchange for a fresh code.
     * @param code six digits
     * @throws ApiError 902 and 915 as `login`
     */
    async renewRecoveryCodes(actor: Actor, { username }: User, code: string, client: ClientInfo): Promise<Secret[]> {
      const codes = createRecoveryCodes(random)
      await verifyCode(actor, username, code, client, ({ id }) =>
        enrolments.renewCodes(
          id,
          codes.map(recoveryCode => hashRecoveryCode(id, recoveryCode.reveal())),
        ),
      )
      return codes
    },

    recoveryCodesLeft: (user: User): number => enrolments.countCodes(user.id),

    /**
     * Ends one session.
     * @param id `current` means the session of the access token
     * @throws ApiError 925 for an unknown session, and for another user's session unless the caller is the owner
     */
    async endSession(actor: Actor, caller: User, id: string, accessToken: string | undefined): Promise<void> {
      const ended = await db.write(() => {
        const current = accessToken === undefined ? undefined : sessions.findByAccess(hashToken(accessToken))
        const session = id === 'current' ? current?.session : sessions.find(id)
        if (!session || (session.userId !== caller.id && caller.group !== 'owner')) return false
        sessions.remove(session.id)
        audit.record(actor, session.id)
        return true
      })
      if (!ended) throw new ApiError('sessionNotFound')
    },
  }

  /** Ends the session of a reused refresh token, and records the attempt as rejected. */
  function revokeReused(actor: Actor, sessionId: string): void {
    const userId = sessions.find(sessionId)?.userId
    const user = users.list().find(({ id }) => id === userId)
    sessions.remove(sessionId)
    audit.record({ ...actor, user: user?.username ?? '' }, sessionId, 'refused', catalogue.refreshTokenUnknown.id)
  }
}
