import { SQLiteError } from 'bun:sqlite'
import { ApiError } from '../core/errors.ts'
import type { Group } from '../core/groups.ts'
import type { Database } from './database.ts'
import { createReadCache } from './read-cache.ts'

export interface User {
  id: string
  username: string
  group: Group
  /** Milliseconds since 1970. */
  createdAt: number
}

/** A user with the encrypted TOTP secret. */
export interface Account extends User {
  encryptedSecret: Uint8Array
}

type UserRow = { id: string; username: string; user_group: Group; created_at: number }
type AccountRow = UserRow & { secret: Uint8Array }

export type UserStore = ReturnType<typeof createUserStore>

/** The users table. Changes must run inside `database.write`. */
export function createUserStore(db: Database) {
  const { sql } = db
  const columns = 'id, username, user_group, created_at'
  const selectAll = sql.query<UserRow, []>(`SELECT ${columns} FROM users ORDER BY number`)
  const readList = createReadCache(db, (_: 'all') => selectAll.all().map(toUser))
  const selectByName = sql.query<AccountRow, [string]>(`SELECT ${columns}, secret FROM users WHERE username = ?`)
  const insert = sql.query<null, [string, string, Group, Uint8Array, number]>(
    'INSERT INTO users (id, username, user_group, secret, created_at) VALUES (?, ?, ?, ?, ?)',
  )
  const updateGroupSecret = sql.query<null, [Group, Uint8Array, string]>(
    'UPDATE users SET user_group = ?, secret = ?, last_step = -1 WHERE id = ?',
  )
  const updateSecret = sql.query<null, [Uint8Array, number, string]>(
    'UPDATE users SET secret = ?, last_step = ? WHERE id = ?',
  )
  const updateGroup = sql.query<null, [Group, string]>('UPDATE users SET user_group = ? WHERE id = ?')
  const updateStep = sql.query<null, [number, string, number, Uint8Array]>(
    'UPDATE users SET last_step = ? WHERE id = ? AND last_step < ? AND secret = ?',
  )
  const remove = sql.query<null, [string]>('DELETE FROM users WHERE id = ?')

  function find(username: string): Account | undefined {
    const row = selectByName.get(username)
    return row ? { ...toUser(row), encryptedSecret: row.secret } : undefined
  }

  return {
    /** Oldest first. */
    list: (): readonly User[] => readList('all') ?? [],

    /** Ignores case: usernames are unique regardless of case. */
    find,

    /** Matches case, as required for actors and targets. */
    findExactly(username: string): Account | undefined {
      const account = find(username)
      return account?.username === username ? account : undefined
    },

    /** @throws ApiError 914 for a username that is taken, 906 for a second owner */
    insert(account: Account): void {
      mapConstraintErrors(() =>
        insert.run(account.id, account.username, account.group, account.encryptedSecret, account.createdAt),
      )
    },

    /**
     * Replaces the secret, and so resets the used time step.
     * @throws ApiError 906 for a second owner
     */
    updateGroupAndSecret(id: string, group: Group, encryptedSecret: Uint8Array): void {
      mapConstraintErrors(() => updateGroupSecret.run(group, encryptedSecret, id))
    },

    /** Replaces the secret with one whose code for `usedStep` is already used. */
    replaceSecret: (id: string, encryptedSecret: Uint8Array, usedStep: number): void =>
      void updateSecret.run(encryptedSecret, usedStep, id),

    /** @throws ApiError 906 for a second owner */
    setGroup: (id: string, group: Group): void => mapConstraintErrors(() => updateGroup.run(group, id)),

    /**
     * Marks a time step as used, unless it or a later one was used before or the secret has changed.
     * @returns whether the code of that step may be accepted (RFC 6238 section 5.2: at most once)
     */
    consumeTimeStep: (account: Account, step: number): boolean =>
      updateStep.run(step, account.id, step, account.encryptedSecret).changes === 1,

    /**
     * Removes the user and its sessions.
     * @returns whether the user existed
     */
    remove: (id: string): boolean => remove.run(id).changes > 0,
  }
}

function toUser(row: UserRow): User {
  return { id: row.id, username: row.username, group: row.user_group, createdAt: row.created_at }
}

function mapConstraintErrors(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (error instanceof SQLiteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE') {
      const isOwnerConflict = error.message.includes('users.user_group')
      throw new ApiError(isOwnerConflict ? 'ownerExists' : 'usernameTaken', { cause: error })
    }
    throw error
  }
}
