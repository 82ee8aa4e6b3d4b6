import type { Group } from '../../src/store/users.ts'

const STEP = 30_000
const DAY = 86_400_000
const ACCESS = 2 * 3_600_000
const REFRESH = 7 * DAY
const SESSION = 30 * DAY
const SESSIONS_PER_USER = 10

export interface Pair {
  access: string
  refresh: string
}

export interface ModelSession {
  user: ModelUser
  createdAt: number
  pair: Pair
  accessEnds: number
  refreshEnds: number
  /** Refresh tokens that it exchanged. */
  exchanged: string[]
}

export interface ModelUser {
  username: string
  secret: string
  group: Group
  lastStep: number
}

/** What the API says of sessions, in the fewest words: no store, no hash, no cache. Ids are those of the answers, 200 for a success. */
export function createSessionModel() {
  let sessions: ModelSession[] = []
  /** By what sessions end: goes forward with the system's clock, and on when that is set back. */
  let steady = 0

  const opened = (user: ModelUser, createdAt: number, pair: Pair): ModelSession => ({
    user,
    createdAt,
    pair,
    accessEnds: Math.min(steady + ACCESS, createdAt + SESSION),
    refreshEnds: Math.min(steady + REFRESH, createdAt + SESSION),
    exchanged: [],
  })
  const remove = (gone: (session: ModelSession) => boolean) => {
    sessions = sessions.filter(session => !gone(session))
  }
  const byAccess = (token: string) => sessions.find(({ pair }) => pair.access === token)
  const byRefresh = (token: string) => sessions.find(({ pair }) => pair.refresh === token)
  const byExchanged = (token: string) => sessions.find(({ exchanged }) => exchanged.includes(token))

  const whoCalls = (session: ModelSession | undefined): ModelUser | number =>
    session === undefined ? 908 : session.accessEnds <= steady ? 909 : session.user

  return {
    /** @param passed what a clock that nobody sets would have gone on by */
    timeIs(now: number, passed: number): void {
      steady = Math.max(now, steady + passed)
    },

    mayLogIn: (user: ModelUser, now: number): boolean => Math.floor(now / STEP) > user.lastStep,

    logIn(user: ModelUser, now: number, pair: Pair): void {
      user.lastStep = Math.floor(now / STEP)
      sessions.push(opened(user, steady, pair))
      const own = sessions.filter(session => session.user === user)
      const tooMany = new Set(own.slice(0, -SESSIONS_PER_USER))
      remove(session => tooMany.has(session))
    },

    /** What is over is told apart for a day, and forgotten after that. */
    keepHouse: (): void => remove(({ accessEnds, refreshEnds }) => Math.max(accessEnds, refreshEnds) < steady - DAY),

    mayRefresh(token: string): boolean {
      const session = byRefresh(token)
      return session !== undefined && session.refreshEnds > steady
    },

    refresh(token: string, pair: Pair): void {
      const at = sessions.findIndex(session => session.pair.refresh === token)
      const before = sessions[at]
      if (!before) return
      const exchanged = [...before.exchanged, token]
      sessions[at] = { ...opened(before.user, before.createdAt, pair), exchanged }
    },

    /** A refresh that was refused: one that was exchanged before ends its session. */
    refuseRefresh(token: string): void {
      const stolen = byExchanged(token)
      remove(session => session === stolen)
    },

    /** What `GET /user/list` answers, which is the owner's. */
    list(token: string): number {
      const caller = whoCalls(byAccess(token))
      if (typeof caller === 'number') return caller
      return caller.group === 'owner' ? 200 : 912
    },

    revoke(token: string, target: ModelUser): number {
      const caller = byAccess(token) ? whoCalls(byAccess(token)) : whoRefreshes(token)
      if (typeof caller === 'number') return caller
      if (caller !== target && caller.group !== 'owner') return 904
      this.removeAllOf(target)
      return 200
    },

    removeAllOf: (user: ModelUser): void => remove(session => session.user === user),

    /** When the sessions of a user began that have not ended, oldest first. */
    live: (user: ModelUser): number[] =>
      sessions
        .filter(session => session.user === user && session.refreshEnds > steady)
        .map(({ createdAt }) => createdAt),
  }

  function whoRefreshes(token: string): ModelUser | number {
    const session = byRefresh(token)
    if (session && session.refreshEnds > steady) return session.user
    return session || byExchanged(token) ? 910 : 908
  }
}
