import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { errorMessage } from '../core/error-message.ts'
import { needsConversion } from './development-database.ts'
import { createSecretBox } from './encryption.ts'
import {
  createKeyCheck,
  encryptionKeyFile,
  KEY_CHECK_CONTEXT,
  type KeyLocation,
  nextKeyFile,
} from './encryption-key.ts'
import { databaseFile } from './files.ts'
import { readKeyFile } from './key-file.ts'
import { appliedMigration } from './migrate.ts'
import { migrations } from './migrations/index.ts'

export interface StoreReport {
  /** Problems found by `PRAGMA integrity_check`. */
  damage: string[]
  /** The newest migration of the database; 0 for one of a development build. */
  migration: number
  /** Whether a development build wrote the database, and why it cannot be converted. */
  conversion: 'unneeded' | 'next start' | { problem: string }
  /** The newest migration that this program knows. */
  newestMigration: number
  users: number
  owner: string | undefined
  /** `unneeded` while nothing is encrypted; `unknown` for a damaged database or another migration. */
  key: 'right' | 'wrong' | 'missing' | 'unneeded' | 'unknown'
  keyFile: string
}

/**
 * Inspects a database and its key without changing or creating anything.
 * @returns undefined when there is no database yet
 * @throws when it cannot be opened at all
 */
export async function inspectStore(location: KeyLocation): Promise<StoreReport | undefined> {
  const file = databaseFile(location.dataDir)
  if (!existsSync(file)) return undefined
  // A read-only connection would leave its WAL files behind.
  const sql = new Sqlite(file, { readwrite: true, strict: true })
  try {
    sql.run('PRAGMA busy_timeout = 2000')
    const damage = findDamage(sql)
    const newestMigration = migrations.at(-1)?.id ?? 0
    const keyFile = encryptionKeyFile(location)
    const report = { damage, newestMigration, conversion: 'unneeded', keyFile } as const
    const unknown = { ...report, users: 0, owner: undefined, key: 'unknown' } as const
    if (damage.length > 0) return { ...unknown, migration: 0 }
    const migration = appliedMigration(sql)
    if (migration !== newestMigration) {
      return { ...unknown, migration, conversion: checkConversion(sql) }
    }
    return { ...report, migration, ...countUsers(sql), key: await checkKey(sql, keyFile) }
  } finally {
    sql.close()
  }
}

function checkConversion(sql: Sqlite): StoreReport['conversion'] {
  try {
    return needsConversion(sql) ? 'next start' : 'unneeded'
  } catch (error) {
    return { problem: errorMessage(error) }
  }
}

function findDamage(sql: Sqlite): string[] {
  try {
    const rows = sql.query<{ integrity_check: string }, []>('PRAGMA integrity_check(5)').all()
    return rows.map(row => row.integrity_check).filter(text => text !== 'ok')
  } catch (error) {
    if (error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? '')) return [error.message]
    throw error
  }
}

function countUsers(sql: Sqlite): { users: number; owner: string | undefined } {
  const row = sql.query<{ users: number }, []>('SELECT count(*) AS users FROM users').get()
  const owner = sql.query<{ username: string }, []>("SELECT username FROM users WHERE user_group = 'owner'").get()
  return { users: row?.users ?? 0, owner: owner?.username }
}

async function checkKey(sql: Sqlite, file: string): Promise<StoreReport['key']> {
  const keyCheck = createKeyCheck({ sql }).get()
  if (!keyCheck) return 'unneeded'
  // A rotation that could not replace the key file leaves its key in the `.new` file.
  const files = [file, nextKeyFile(file)].filter(name => existsSync(name))
  if (files.length === 0) return 'missing'
  const canDecrypt = (name: string) =>
    createSecretBox(readKeyFile(name), () => new Uint8Array())
      .decrypt(keyCheck.encrypted, KEY_CHECK_CONTEXT)
      .then(
        () => true,
        () => false,
      )
  const results = await Promise.all(files.map(async name => canDecrypt(name).catch(() => false)))
  return results.includes(true) ? 'right' : 'wrong'
}
