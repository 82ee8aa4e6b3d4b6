import type { Actor } from '../core/actor.ts'
import { ApiError, catalogue } from '../core/errors.ts'
import { addressPrefix } from '../core/network.ts'
import type { Secret } from '../core/secret.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import { createReadCache } from '../store/read-cache.ts'
import type { Session, TokenHolder } from '../store/sessions.ts'
import type { User } from '../store/users.ts'
import { type ClientInfo, createLogin, type LoginDeps } from './login.ts'
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.ts'
import { hashToken, hasTokenFormat, issueTokens, type Tokens } from './tokens.ts'

/** How long an expired token is still told apart from one that never was. */
const EXPIRED_RETENTION_MS = 86_400_000
const TOUCH_INTERVAL_MS = 60_000
/** More than there are sessions with a stream: what is asked for each of them, one after another, is not to be forgotten on the way. */
const HOLDER_CACHE_SIZE = 50_000

export type AuthService = Awaited<ReturnType<typeof createAuthService>>

/** Who is it that calls: codes into sessions (`createLogin`), sessions into users. */
export async function createAuthService(deps: LoginDeps & { enrolments: EnrolmentStore }) {
  const { db, users, sessions, enrolments, throttle, audit, monotonicWallClock, random } = deps
  const pendingTouches = new Set<string>()
  const holderOfSession = createReadCache(
    db,
    (sessionId: string) => sessions.findTokenHolder(sessionId),
    HOLDER_CACHE_SIZE,
  )
  const holderOfToken = createReadCache(db, (accessToken: string) => sessions.findByAccess(hashToken(accessToken)))

  const { login, verifyCode } = await createLogin(deps)

  return {
    login,

    /**
     * Exchanges a refresh token for a new pair. One that was exchanged before ends its session: a copy of it is in
     * other hands, and nobody can tell whose are the right ones (RFC 9700 section 4.14.2).
     * @throws ApiError 910, or 915 while the address is locked; a token that is right is let in from there, too, since
     * 256 bits are not found by trying and a neighbour behind the same address has done nothing wrong
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

    /** @throws ApiError 908 for an unknown access token, 909 for an expired one */
    authenticate(accessToken: string | undefined): User {
      const holder = accessToken && hasTokenFormat(accessToken) && holderOfToken(accessToken)
      if (!holder) throw new ApiError('accessTokenUnknown', { anonymous: accessToken === undefined })
      return userOfAccessToken(holder)
    },

    /** Of which session a token that `authenticate` let in is. */
    sessionIdOf: (accessToken: string | undefined): string | undefined =>
      accessToken === undefined ? undefined : holderOfToken(accessToken)?.session.id,

    /** The user of a session as it is now; undefined when the session is over. Cheap enough to be asked for every event. */
    userOfSession(sessionId: string): User | undefined {
      const holder = holderOfSession(sessionId)
      return holder && holder.refreshExpiresAt > monotonicWallClock() ? holder.user : undefined
    },

    /**
     * Revoking takes a live refresh token as well, so that a client can log out whatever it still holds.
     * @throws ApiError 908 and 909 as `authenticate`, 910 for a refresh token that is expired or was exchanged
     */
    authenticateForRevocation(token: string | undefined): User {
      if (!token || !hasTokenFormat(token)) throw new ApiError('accessTokenUnknown', { anonymous: token === undefined })
      const hash = hashToken(token)
      const byAccess = sessions.findByAccess(hash)
      if (byAccess) return userOfAccessToken(byAccess)
      const byRefresh = sessions.findByRefresh(hash)
      if (byRefresh && byRefresh.refreshExpiresAt > monotonicWallClock()) return byRefresh.user
      throw new ApiError(byRefresh || sessions.findRotated(hash) ? 'refreshTokenUnknown' : 'accessTokenUnknown')
    },

    /**
     * Ends all sessions of a user, and an enrolment that has not taken effect.
     * @throws ApiError 904 when somebody else than the owner revokes for another, told before the user is looked up; 903
     */
    async revoke(actor: Actor, caller: User, username: string): Promise<void> {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('revokeForbidden')
      const account = users.findExactly(username)
      if (!account) throw new ApiError('userNotFound')
      await db.write(() => {
        sessions.removeAllOfUser(account.id)
        // A link that somebody else may hold is a way in, too.
        enrolments.cancel(account.id)
        audit.record(actor, username)
      })
    },

    /** Forgets sessions whose tokens have been expired for long. Runs inside `database.write`. */
    removeExpired: (): void => sessions.removeExpiredBefore(monotonicWallClock() - EXPIRED_RETENTION_MS),

    /**
     * The sessions of a user that have not ended, oldest first.
     * @throws ApiError 912 when somebody else than the owner asks for another, told before the user is looked up; 903
     */
    listSessions(caller: User, username: string): Session[] {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('groupForbidden')
      const account = users.findExactly(username)
      if (!account) throw new ApiError('userNotFound')
      return sessions.list(account.id, monotonicWallClock())
    },

    /**
     * Ten other recovery codes for who shows a fresh code; those before do not count any more.
     * @param code six digits
     * @throws ApiError 902 and 915 as logging in
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

    /** How many recovery codes the user has left. */
    recoveryCodesLeft: (user: User): number => enrolments.countCodes(user.id),

    /**
     * Ends one session.
     * @param id `current` for that of the access token
     * @throws ApiError 925 for one that does not exist, and in the same way for one of somebody else, unless the owner asks
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

  /** An exchanged refresh token that comes again: a copy is in other hands. */
  function revokeReused(actor: Actor, sessionId: string): void {
    const user = users.list().find(({ id }) => id === sessions.find(sessionId)?.userId)
    sessions.remove(sessionId)
    audit.record({ ...actor, user: user?.username ?? '' }, sessionId, 'refused', catalogue.refreshTokenUnknown.id)
  }

  function userOfAccessToken(holder: TokenHolder): User {
    if (holder.accessExpiresAt <= monotonicWallClock()) throw new ApiError('accessTokenExpired')
    touch(holder.session)
    return holder.user
  }

  /** Noted once a minute: a durable write for each request would cost more than the request. */
  function touch({ id, lastUsedAt }: Session): void {
    if (monotonicWallClock() - lastUsedAt < TOUCH_INTERVAL_MS || pendingTouches.has(id)) return
    pendingTouches.add(id)
    db.write(() => sessions.touch(id, monotonicWallClock()))
      // A store that cannot be written at the moment is no reason to refuse a reader.
      .catch(() => undefined)
      .finally(() => pendingTouches.delete(id))
  }
}
