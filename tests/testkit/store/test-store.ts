import type { Group } from '../../../src/core/groups.ts'
import { openDatabase } from '../../../src/store/database.ts'
import { createSessionStore, type TokenPair } from '../../../src/store/sessions.ts'
import { type Account, createUserStore } from '../../../src/store/users.ts'
import { memoryDir } from '../temp-dir.ts'

/** The user and session stores with a data directory of their own, without the layers above. */
export function createTestStore() {
  const dir = memoryDir()
  const db = openDatabase(dir.path, { now: () => 0 })
  return {
    db,
    dataDir: dir.path,
    users: createUserStore(db),
    sessions: createSessionStore(db),
    [Symbol.dispose]() {
      db.close()
      dir[Symbol.dispose]()
    },
  }
}

export function createAccount(username: string, group: Group = 'viewer'): Account {
  return {
    id: `id-of-${username}`,
    username,
    group,
    createdAt: 1_000,
    encryptedSecret: Buffer.from(`encrypted ${username}`),
  }
}

/** The hashes of a token pair with this name, and their expiry. */
export function createTokenPair(name: string, expires: { access: number; refresh: number }): TokenPair {
  return {
    accessHash: Buffer.from(`access ${name}`),
    accessExpiresAt: expires.access,
    refreshHash: Buffer.from(`refresh ${name}`),
    refreshExpiresAt: expires.refresh,
  }
}
