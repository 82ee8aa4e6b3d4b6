import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import { createKeyCheck } from './encryption-key.ts'
import { createPrivateFile, databaseFile } from './files.ts'
import { appliedMigration, convertCopy } from './migrate.ts'
import { isRestorePending } from './restore-journal.ts'
import { acquireServeLock } from './serve-lock.ts'

/** What a copy of the database says of itself. */
export interface SnapshotInfo {
  migration: number
  /** SHA-256 of the key that its secrets are encrypted with; undefined while nothing is encrypted. */
  keyHash: Uint8Array | undefined
}

/**
 * Copies the database of a data directory as it is at one moment, while others read and write: a reader holds up nobody.
 * @param path of the copy, 0600
 * @throws OperatorError when there is none, or it cannot be read
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
 * Reads every page of a copy that nobody uses.
 * @param inspect at more of it, while it is open
 * @throws OperatorError when it is no sound database of ours
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
    throw new OperatorError(
      `The database in the backup is not sound (${singleLineMessage(cause)}): take another backup`,
      {
        cause,
      },
    )
  }
}

/**
 * Makes sure that nobody else has the database open, and that all of it is in its one file.
 * @throws OperatorError when another process works on it
 */
export function checkpointExclusively(dataDir: string): void {
  const path = databaseFile(dataDir)
  if (!existsSync(path)) return
  try {
    using sql = new Sqlite(path, { readwrite: true, create: false })
    // Leaving WAL mode takes the database for this connection alone: https://www.sqlite.org/pragma.html#pragma_journal_mode
    sql.run('PRAGMA journal_mode = DELETE')
  } catch (cause) {
    if (cause instanceof SQLiteError && cause.code?.startsWith('SQLITE_BUSY')) {
      throw new OperatorError(`Another command works on the database in ${dataDir}: let it end, then try again`, {
        cause,
      })
    }
    // One that cannot be opened is a good reason for what comes next.
  }
}

function singleLineMessage(cause: unknown): string {
  return errorMessage(cause).replace(/\s*\n\s*/g, ' ')
}
