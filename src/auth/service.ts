import type { Act } from '../audit/service.ts'
import { ApiError, catalogue } from '../errors.ts'
import { addressGroup } from '../network.ts'
import type { Secret } from '../secret.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import { createReadCache } from '../store/read-cache.ts'
import type { Bearer, Session } from '../store/sessions.ts'
import type { User } from '../store/users.ts'
import { createLogin, type LoginDeps, type Origin } from './login.ts'
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.ts'
import { hashToken, issueTokens, isTokenShaped, type Tokens } from './tokens.ts'

/** How long an expired token is still told apart from one that never was. */
const EXPIRED_KEPT_MS = 86_400_000
const TOUCH_EVERY_MS = 60_000
/** More than there are sessions with a stream: what is asked for each of them, one after another, is not to be forgotten on the way. */
const HOLDERS_REMEMBERED = 50_000

export type AuthService = Awaited<ReturnType<typeof createAuthService>>

/** Who is it that calls: codes into sessions (`createLogin`), sessions into users. */
export async function createAuthService(deps: LoginDeps & { enrolments: EnrolmentStore }) {
  const { db, users, sessions, enrolments, throttle, audit, steady, random } = deps
  const touching = new Set<string>()
  const bearerOfSession = createReadCache(db, (sessionId: string) => sessions.findBearer(sessionId), HOLDERS_REMEMBERED)
  const bearerOf = createReadCache(db, (accessToken: string) => sessions.findByAccess(hashToken(accessToken)))

  const { login, prove } = await createLogin(deps)

  return {
    login,

    /**
     * Exchanges a refresh token for a new pair. One that was exchanged before ends its session: a copy of it is in
     * other hands, and nobody can tell whose are the right ones (RFC 9700 section 4.14.2).
     * @throws ApiError 910, or 915 while the address is locked; a token that is right is let in from there, too, since
     * 256 bits are not found by trying and a neighbour behind the same address has done nothing wrong
     */
    async refresh(act: Act, refreshToken: string): Promise<Tokens> {
      const hash = hashToken(refreshToken)
      const source = { address: addressGroup(act.address) }
      const tokens = await db.write(() => {
        const bearer = sessions.findByRefresh(hash)
        if (!bearer || bearer.refreshExpiresAt <= steady()) {
          const stolen = sessions.findRotated(hash)
          if (stolen) endStolen(act, stolen)
          else throttle.refuseLockedAddress(source)
          throttle.countAddressFailure(source)
          return undefined
        }
        const issued = issueTokens(bearer.session, steady(), random)
        sessions.rotate(bearer.session.id, hash, issued.stored, steady())
        return issued.tokens
      })
      if (!tokens) throw new ApiError('refreshTokenUnknown')
      return tokens
    },

    /** @throws ApiError 908 for an unknown access token, 909 for an expired one */
    authenticate(accessToken: string | undefined): User {
      const bearer = accessToken && isTokenShaped(accessToken) && bearerOf(accessToken)
      if (!bearer) throw new ApiError('accessTokenUnknown', { anonymous: accessToken === undefined })
      return userOfAccess(bearer)
    },

    /** Of which session a token that `authenticate` let in is. */
    sessionOf: (accessToken: string | undefined): string | undefined =>
      accessToken === undefined ? undefined : bearerOf(accessToken)?.session.id,

    /** The user of a session as it is now; undefined when the session is over. Cheap enough to be asked for every event. */
    holderOf(sessionId: string): User | undefined {
      const bearer = bearerOfSession(sessionId)
      return bearer && bearer.refreshExpiresAt > steady() ? bearer.user : undefined
    },

    /**
     * Revoking takes a live refresh token as well, so that a client can log out whatever it still holds.
     * @throws ApiError 908 and 909 as `authenticate`, 910 for a refresh token that is expired or was exchanged
     */
    authenticateToRevoke(token: string | undefined): User {
      if (!token || !isTokenShaped(token)) throw new ApiError('accessTokenUnknown', { anonymous: token === undefined })
      const hash = hashToken(token)
      const byAccess = sessions.findByAccess(hash)
      if (byAccess) return userOfAccess(byAccess)
      const byRefresh = sessions.findByRefresh(hash)
      if (byRefresh && byRefresh.refreshExpiresAt > steady()) return byRefresh.user
      throw new ApiError(byRefresh || sessions.findRotated(hash) ? 'refreshTokenUnknown' : 'accessTokenUnknown')
    },

    /**
     * Ends all sessions of a user, and an enrolment that has not taken effect.
     * @throws ApiError 904 when somebody else than the owner revokes for another, told before the user is looked up; 903
     */
    async revoke(act: Act, caller: User, username: string): Promise<void> {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('revokeForbidden')
      const account = users.findExactly(username)
      if (!account) throw new ApiError('userNotFound')
      await db.write(() => {
        sessions.removeAllOf(account.id)
        // A link that somebody else may hold is a way in, too.
        enrolments.cancel(account.id)
        audit.record(act, username)
      })
    },

    /** Forgets sessions whose tokens have been expired for long. Runs inside `database.write`. */
    removeExpired: (): void => sessions.removeExpiredBefore(steady() - EXPIRED_KEPT_MS),

    /**
     * The sessions of a user that have not ended, oldest first.
     * @throws ApiError 912 when somebody else than the owner asks for another, told before the user is looked up; 903
     */
    listSessions(caller: User, username: string): Session[] {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('groupForbidden')
      const account = users.findExactly(username)
      if (!account) throw new ApiError('userNotFound')
      return sessions.list(account.id, steady())
    },

    /**
     * Ten other recovery codes for who shows a fresh code; those before do not count any more.
     * @param code six digits
     * @throws ApiError 902 and 915 as logging in
     */
    async renewRecoveryCodes(act: Act, { username }: User, code: string, origin: Origin): Promise<Secret[]> {
      const codes = createRecoveryCodes(random)
      await prove(act, username, code, origin, ({ id }) =>
        enrolments.renewCodes(
          id,
          codes.map(each => hashRecoveryCode(id, each.reveal())),
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
    async endSession(act: Act, caller: User, id: string, accessToken: string | undefined): Promise<void> {
      const ended = await db.write(() => {
        const own = accessToken === undefined ? undefined : sessions.findByAccess(hashToken(accessToken))
        const session = id === 'current' ? own?.session : sessions.find(id)
        if (!session || (session.userId !== caller.id && caller.group !== 'owner')) return false
        sessions.remove(session.id)
        audit.record(act, session.id)
        return true
      })
      if (!ended) throw new ApiError('sessionNotFound')
    },
  }

  /** An exchanged refresh token that comes again: a copy is in other hands. */
  function endStolen(act: Act, sessionId: string): void {
    const user = users.list().find(({ id }) => id === sessions.find(sessionId)?.userId)
    sessions.remove(sessionId)
    audit.record({ ...act, user: user?.username ?? '' }, sessionId, 'refused', catalogue.refreshTokenUnknown.id)
  }

  function userOfAccess(bearer: Bearer): User {
    if (bearer.accessExpiresAt <= steady()) throw new ApiError('accessTokenExpired')
    touch(bearer.session)
    return bearer.user
  }

  /** Noted once a minute: a durable write for each request would cost more than the request. */
  function touch({ id, lastUsedAt }: Session): void {
    if (steady() - lastUsedAt < TOUCH_EVERY_MS || touching.has(id)) return
    touching.add(id)
    db.write(() => sessions.touch(id, steady()))
      // A store that cannot be written at the moment is no reason to refuse a reader.
      .catch(() => undefined)
      .finally(() => touching.delete(id))
  }
}
