import type { MonotonicWallClock } from '../core/clock.ts'
import { ApiError } from '../core/errors.ts'
import type { Database } from '../store/database.ts'
import { createReadCache } from '../store/read-cache.ts'
import type { Session, SessionStore, TokenHolder } from '../store/sessions.ts'
import type { User } from '../store/users.ts'
import { hashToken, hasTokenFormat } from './tokens.ts'

const TOUCH_INTERVAL_MS = 60_000
/** More than the sessions that can have an event stream, so that checking all of them in turn evicts none. */
const HOLDER_CACHE_SIZE = 50_000

/** Authenticates requests by their tokens. */
export function createAuthentication(deps: {
  db: Database
  sessions: SessionStore
  monotonicWallClock: MonotonicWallClock
}) {
  const { db, sessions, monotonicWallClock } = deps
  const pendingTouches = new Set<string>()
  const holderOfSession = createReadCache(
    db,
    (sessionId: string) => sessions.findTokenHolder(sessionId),
    HOLDER_CACHE_SIZE,
  )
  const holderOfToken = createReadCache(db, (accessToken: string) => sessions.findByAccess(hashToken(accessToken)))

  return {
    /** @throws ApiError 908 for an unknown access token, 909 for an expired one */
    authenticate(accessToken: string | undefined): User {
      const holder = accessToken && hasTokenFormat(accessToken) && holderOfToken(accessToken)
      if (!holder) throw new ApiError('accessTokenUnknown', { anonymous: accessToken === undefined })
      return userOfAccessToken(holder)
    },

    /** The id of the session of an access token that `authenticate` accepted. */
    sessionIdOf: (accessToken: string | undefined): string | undefined =>
      accessToken === undefined ? undefined : holderOfToken(accessToken)?.session.id,

    /** The current user of a session, or undefined if it has ended. Cached, and cheap enough to call for every event. */
    userOfSession(sessionId: string): User | undefined {
      const holder = holderOfSession(sessionId)
      return holder && holder.refreshExpiresAt > monotonicWallClock() ? holder.user : undefined
    },

    /**
     * Also accepts a valid refresh token, so that a client can log out with whichever token it still has.
     * @throws ApiError 908 and 909 as `authenticate`, 910 for an expired or exchanged refresh token
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
  }

  function userOfAccessToken(holder: TokenHolder): User {
    if (holder.accessExpiresAt <= monotonicWallClock()) throw new ApiError('accessTokenExpired')
    touch(holder.session)
    return holder.user
  }

  /** Updates the last use at most once a minute: a durable write per request would cost more than the request. */
  function touch({ id, lastUsedAt }: Session): void {
    if (monotonicWallClock() - lastUsedAt < TOUCH_INTERVAL_MS || pendingTouches.has(id)) return
    pendingTouches.add(id)
    db.write(() => sessions.touch(id, monotonicWallClock()))
      // An unwritable store must not fail a read.
      .catch(() => undefined)
      .finally(() => pendingTouches.delete(id))
  }
}
