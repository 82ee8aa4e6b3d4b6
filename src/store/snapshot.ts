import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import { createKeyCheck } from './encryption-key.ts'
import { createPrivateFile, databaseFile } from './files.ts'
import { appliedMigration, convertCopy } from './migrate.ts'
import { isRestorePending } from './restore-journal.ts'
import { acquireServeLock } from './serve-lock.ts'

export interface SnapshotInfo {
  migration: number
  /** SHA-256 of the key that its secrets are encrypted with; undefined while nothing is encrypted. */
  keyHash: Uint8Array | undefined
}

/**
 * Writes a consistent copy of the database while others read and write. A development build's database is converted in the
 * copy.
 * @param path of the copy, 0600
 * @throws OperatorError when there is no database, or it cannot be read
 */
export function writeSnapshot(dataDir: string, path: string): void {
  const source = databaseFile(dataDir)
  if (isRestorePending(dataDir)) acquireServeLock(dataDir).release()
  if (!existsSync(source)) {
    throw new OperatorError(`There is no database in ${dataDir}: name the directory that has it with --data-dir`)
  }
  try {
    using sql = new Sqlite(source, { readwrite: true, create: false })
    sql.run('PRAGMA busy_timeout = 5000')
    createPrivateFile(path, { empty: true })
    sql.query('VACUUM INTO ?').run(path)
    convertCopy(path)
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    throw new OperatorError(
      `The database ${source} cannot be copied (${singleLineMessage(cause)}): check it and the disk`,
      {
        cause,
      },
    )
  }
}

/**
 * Checks the integrity of a copy that is not in use.
 * @param inspect further checks, while it is open
 * @throws OperatorError when it is not an intact database of cikit-api
 */
export function inspectSnapshot(path: string, inspect: (sql: Sqlite) => void = () => undefined): SnapshotInfo {
  try {
    using sql = new Sqlite(path, { readonly: true, strict: true })
    const { integrity_check: integrity } = sql
      .query<{ integrity_check: string }, []>('PRAGMA integrity_check')
      .get() ?? {
      integrity_check: 'nothing',
    }
    if (integrity !== 'ok') throw new Error(integrity)
    const migration = appliedMigration(sql)
    const keyHash = createKeyCheck({ sql }).get()?.hash
    inspect(sql)
    return { migration, keyHash }
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    throw new OperatorError(`The database in the backup is corrupt (${singleLineMessage(cause)}): use another backup`, {
      cause,
    })
  }
}

/**
 * Moves the whole WAL into the database file, and makes sure that nobody else has the database open.
 * @throws OperatorError when another process uses it
 */
export function checkpointExclusively(dataDir: string): void {
  const path = databaseFile(dataDir)
  if (!existsSync(path)) return
  try {
    using sql = new Sqlite(path, { readwrite: true, create: false })
    // Leaving WAL mode needs exclusive access: https://www.sqlite.org/pragma.html#pragma_journal_mode
    sql.run('PRAGMA journal_mode = DELETE')
  } catch (cause) {
    if (cause instanceof SQLiteError && cause.code?.startsWith('SQLITE_BUSY')) {
      throw new OperatorError(`Another command uses the database in ${dataDir}: wait until it ends, then try again`, {
        cause,
      })
    }
    // A database that cannot be opened may be replaced.
  }
}

function singleLineMessage(cause: unknown): string {
  return errorMessage(cause).replace(/\s*\n\s*/g, ' ')
}
