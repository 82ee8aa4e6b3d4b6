import type { Group } from '../core/groups.ts'
import type { Database } from './database.ts'
import type { User } from './users.ts'

export interface TokenPair {
  /** SHA-256 of the token. */
  accessHash: Uint8Array
  /** Milliseconds since 1970, as all times here. */
  accessExpiresAt: number
  refreshHash: Uint8Array
  refreshExpiresAt: number
}

export interface Session {
  id: string
  userId: string
  createdAt: number
  /** To the minute. */
  lastUsedAt: number
  /** Address of the login. */
  address: string
  /** User agent of the login. */
  agent: string
}

/** A session with its user's current data. */
export interface TokenHolder {
  session: Session
  user: User
  accessExpiresAt: number
  refreshExpiresAt: number
}

type SessionRow = {
  session_id: string
  user_id: string
  session_created_at: number
  last_used_at: number
  address: string
  agent: string
}

type TokenHolderRow = SessionRow & {
  access_expires_at: number
  refresh_expires_at: number
  id: string
  username: string
  user_group: Group
  created_at: number
}

/** Per session, so that endless refreshing cannot fill the disk. */
const MAX_ROTATED_TOKENS = 1_000

export type SessionStore = ReturnType<typeof createSessionStore>

/** The sessions table. Changes must run inside `database.write`. */
export function createSessionStore({ sql }: Database) {
  const columns = `
    s.id AS session_id, s.user_id, s.created_at AS session_created_at, s.last_used_at, s.address, s.agent`
  const selectHolderBy = (column: 'access_hash' | 'refresh_hash' | 'id') =>
    sql.query<TokenHolderRow, [Uint8Array | string]>(`
      SELECT ${columns}, s.access_expires_at, s.refresh_expires_at,
             u.id, u.username, u.user_group, u.created_at
      FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.${column} = ?`)
  const selectByAccess = selectHolderBy('access_hash')
  const selectByRefresh = selectHolderBy('refresh_hash')
  const selectHolderById = selectHolderBy('id')
  const selectRotated = sql.query<{ session_id: string }, [Uint8Array]>(
    'SELECT session_id FROM rotated_refresh_tokens WHERE hash = ?',
  )
  const selectByUser = sql.query<SessionRow, [string, number]>(
    `SELECT ${columns} FROM sessions s WHERE s.user_id = ? AND s.refresh_expires_at > ? ORDER BY s.number`,
  )
  const selectById = sql.query<SessionRow, [string]>(`SELECT ${columns} FROM sessions s WHERE s.id = ?`)
  const insert = sql.query<
    null,
    [string, string, number, string, string, number, Uint8Array, number, Uint8Array, number]
  >(`
    INSERT INTO sessions (id, user_id, number, created_at, address, agent, last_used_at,
                          access_hash, access_expires_at, refresh_hash, refresh_expires_at)
    VALUES (?1, ?2, (SELECT coalesce(max(number), 0) + 1 FROM sessions WHERE user_id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`)
  const updateLastUsed = sql.query<null, [number, string]>('UPDATE sessions SET last_used_at = ? WHERE id = ?')
  const insertRotated = sql.query<{ number: number }, [Uint8Array, string]>(`
    INSERT INTO rotated_refresh_tokens (hash, session_id, number)
    VALUES (?1, ?2, (SELECT coalesce(max(number), 0) + 1 FROM rotated_refresh_tokens WHERE session_id = ?2))
    RETURNING number`)
  const deleteRotated = sql.query<null, [string, number]>(
    'DELETE FROM rotated_refresh_tokens WHERE session_id = ? AND number <= ?',
  )
  const updateTokens = sql.query<null, [number, Uint8Array, number, Uint8Array, number, string]>(`
    UPDATE sessions SET last_used_at = ?, access_hash = ?, access_expires_at = ?, refresh_hash = ?, refresh_expires_at = ?
    WHERE id = ?`)
  const deleteOne = sql.query<null, [string]>('DELETE FROM sessions WHERE id = ?')
  const deleteOfUser = sql.query<null, [string]>('DELETE FROM sessions WHERE user_id = ?')
  const deleteOldest = sql.query<null, [string, string, number]>(`
    DELETE FROM sessions WHERE user_id = ? AND number <=
      (SELECT number FROM sessions WHERE user_id = ? ORDER BY number DESC LIMIT 1 OFFSET ?)`)
  const deleteExpired = sql.query<null, [number]>(
    'DELETE FROM sessions WHERE max(access_expires_at, refresh_expires_at) < ?',
  )

  return {
    findByAccess: (hash: Uint8Array): TokenHolder | undefined => toTokenHolder(selectByAccess.get(hash)),
    findByRefresh: (hash: Uint8Array): TokenHolder | undefined => toTokenHolder(selectByRefresh.get(hash)),

    findTokenHolder: (id: string): TokenHolder | undefined => toTokenHolder(selectHolderById.get(id)),

    find: (id: string): Session | undefined => {
      const row = selectById.get(id)
      return row ? toSession(row) : undefined
    },

    /** Sessions of a user that can still be refreshed, oldest first. */
    list: (userId: string, now: number): Session[] => selectByUser.all(userId, now).map(toSession),

    /** Records the use of a token. */
    touch: (id: string, now: number): void => void updateLastUsed.run(now, id),

    /** Id of the session that exchanged this refresh token. */
    findRotated: (hash: Uint8Array): string | undefined => selectRotated.get(hash)?.session_id,

    insert(session: Session, pair: TokenPair): void {
      insert.run(
        session.id,
        session.userId,
        session.createdAt,
        session.address,
        session.agent,
        session.lastUsedAt,
        pair.accessHash,
        pair.accessExpiresAt,
        pair.refreshHash,
        pair.refreshExpiresAt,
      )
    },

    /** Replaces both tokens. The last 1,000 refresh tokens stay recognisable as used. */
    rotate(id: string, usedRefreshHash: Uint8Array, pair: TokenPair, now: number): void {
      const number = insertRotated.get(usedRefreshHash, id)?.number ?? 0
      if (number > MAX_ROTATED_TOKENS) deleteRotated.run(id, number - MAX_ROTATED_TOKENS)
      updateTokens.run(now, pair.accessHash, pair.accessExpiresAt, pair.refreshHash, pair.refreshExpiresAt, id)
    },

    remove: (id: string): void => void deleteOne.run(id),
    removeAllOfUser: (userId: string): void => void deleteOfUser.run(userId),
    retainNewest: (userId: string, count: number): void => void deleteOldest.run(userId, userId, count),
    removeExpiredBefore: (time: number): void => void deleteExpired.run(time),
  }
}

function toTokenHolder(row: TokenHolderRow | null): TokenHolder | undefined {
  if (!row) return undefined
  return {
    session: toSession(row),
    user: { id: row.id, username: row.username, group: row.user_group, createdAt: row.created_at },
    accessExpiresAt: row.access_expires_at,
    refreshExpiresAt: row.refresh_expires_at,
  }
}

function toSession(row: SessionRow): Session {
  return {
    id: row.session_id,
    userId: row.user_id,
    createdAt: row.session_created_at,
    lastUsedAt: row.last_used_at,
    address: row.address,
    agent: row.agent,
  }
}
