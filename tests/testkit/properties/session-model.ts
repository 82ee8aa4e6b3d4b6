import type { Group } from '../../../src/core/groups.ts'
import { STEP_MS } from '../auth/time-step.ts'

const DAY_MS = 86_400_000
const ACCESS_LIFETIME_MS = 2 * 3_600_000
const REFRESH_LIFETIME_MS = 7 * DAY_MS
const SESSION_LIFETIME_MS = 30 * DAY_MS
const SESSIONS_PER_USER = 10

export interface TokenPair {
  access: string
  refresh: string
}

interface ModelSession {
  user: ModelUser
  createdAt: number
  tokens: TokenPair
  accessExpiresAt: number
  refreshExpiresAt: number
  /** Refresh tokens that were already exchanged. */
  usedRefreshTokens: string[]
}

export interface ModelUser {
  username: string
  secret: string
  group: Group
  lastStep: number
}

/** A minimal model of sessions, without store, hashes or caches. Results are error ids, or 200 for success. */
export function createSessionModel() {
  let sessions: ModelSession[] = []
  /** Models the monotonic wall clock: follows the system's clock, but never goes back. */
  let wallTime = 0

  const newSession = (user: ModelUser, createdAt: number, tokens: TokenPair): ModelSession => ({
    user,
    createdAt,
    tokens,
    accessExpiresAt: Math.min(wallTime + ACCESS_LIFETIME_MS, createdAt + SESSION_LIFETIME_MS),
    refreshExpiresAt: Math.min(wallTime + REFRESH_LIFETIME_MS, createdAt + SESSION_LIFETIME_MS),
    usedRefreshTokens: [],
  })
  const remove = (isEnded: (session: ModelSession) => boolean) => {
    sessions = sessions.filter(session => !isEnded(session))
  }
  const findByAccess = (token: string) => sessions.find(({ tokens }) => tokens.access === token)
  const findByRefresh = (token: string) => sessions.find(({ tokens }) => tokens.refresh === token)
  const findByUsedRefresh = (token: string) =>
    sessions.find(({ usedRefreshTokens }) => usedRefreshTokens.includes(token))

  const callerOf = (session: ModelSession | undefined): ModelUser | number =>
    session === undefined ? 908 : session.accessExpiresAt <= wallTime ? 909 : session.user

  return {
    /** @param elapsed milliseconds that really passed, regardless of changes to the clock */
    setTime(now: number, elapsed: number): void {
      wallTime = Math.max(now, wallTime + elapsed)
    },

    canLogIn: (user: ModelUser, now: number): boolean => Math.floor(now / STEP_MS) > user.lastStep,

    logIn(user: ModelUser, now: number, tokens: TokenPair): void {
      user.lastStep = Math.floor(now / STEP_MS)
      sessions.push(newSession(user, wallTime, tokens))
      const ownSessions = sessions.filter(session => session.user === user)
      const surplus = new Set(ownSessions.slice(0, -SESSIONS_PER_USER))
      remove(session => surplus.has(session))
    },

    /** Expired sessions are remembered for a day. */
    removeExpired: (): void =>
      remove(
        ({ accessExpiresAt, refreshExpiresAt }) => Math.max(accessExpiresAt, refreshExpiresAt) < wallTime - DAY_MS,
      ),

    canRefresh(token: string): boolean {
      const session = findByRefresh(token)
      return session !== undefined && session.refreshExpiresAt > wallTime
    },

    refresh(token: string, tokens: TokenPair): void {
      const index = sessions.findIndex(session => session.tokens.refresh === token)
      const previous = sessions[index]
      if (!previous) return
      const usedRefreshTokens = [...previous.usedRefreshTokens, token]
      sessions[index] = { ...newSession(previous.user, previous.createdAt, tokens), usedRefreshTokens }
    },

    /** A rejected refresh: reuse of an exchanged token ends its session. */
    rejectRefresh(token: string): void {
      const reused = findByUsedRefresh(token)
      remove(session => session === reused)
    },

    /** The result of `GET /user/list`, which only the owner may call. */
    listUsersStatus(token: string): number {
      const caller = callerOf(findByAccess(token))
      if (typeof caller === 'number') return caller
      return caller.group === 'owner' ? 200 : 912
    },

    revokeStatus(token: string, target: ModelUser): number {
      const caller = findByAccess(token) ? callerOf(findByAccess(token)) : refreshingUser(token)
      if (typeof caller === 'number') return caller
      if (caller !== target && caller.group !== 'owner') return 904
      this.removeAllOf(target)
      return 200
    },

    removeAllOf: (user: ModelUser): void => remove(session => session.user === user),

    /** Start times of the user's active sessions, oldest first. */
    activeSince: (user: ModelUser): number[] =>
      sessions
        .filter(session => session.user === user && session.refreshExpiresAt > wallTime)
        .map(({ createdAt }) => createdAt),
  }

  function refreshingUser(token: string): ModelUser | number {
    const session = findByRefresh(token)
    if (session && session.refreshExpiresAt > wallTime) return session.user
    return session || findByUsedRefresh(token) ? 910 : 908
  }
}
