import type { Database } from './database.ts'

export interface StoredSshKey {
  id: string
  /** `TYPE BASE64 COMMENT`. */
  line: string
  /** Milliseconds since 1970. */
  createdAt: number
}

export type SshKeyStore = ReturnType<typeof createSshKeyStore>

/** Public SSH keys, removed with their user. Changes must run inside `database.write`. */
export function createSshKeyStore({ sql }: Database) {
  const list = sql.query<StoredSshKey, [string]>(
    'SELECT id, line, created_at AS createdAt FROM ssh_keys WHERE user_id = ? ORDER BY created_at, id',
  )
  const insert = sql.query<null, [string, string, string, number]>(
    'INSERT INTO ssh_keys (id, user_id, line, created_at) VALUES (?, ?, ?, ?)',
  )
  const remove = sql.query<null, [string, string]>('DELETE FROM ssh_keys WHERE user_id = ? AND id = ?')

  return {
    /** Oldest first. */
    list: (userId: string): StoredSshKey[] => list.all(userId),

    insert: (userId: string, key: StoredSshKey): void => void insert.run(key.id, userId, key.line, key.createdAt),

    /** @returns whether the user had it */
    remove: (userId: string, id: string): boolean => remove.run(userId, id).changes > 0,
  }
}
