import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { errorMessage } from '../core/error-message.ts'
import { ConfigError, OperatorError } from '../core/errors.ts'
import { createPrivateFile, databaseFile, prepareDataDir } from './files.ts'
import { migrate } from './migrate.ts'
import { migrations as allMigrations, type Migration } from './migrations/index.ts'
import { isRestorePending } from './restore-journal.ts'
import { acquireServeLock } from './serve-lock.ts'
import { createWriteQueue, type WriteResult } from './write-queue.ts'

export interface Database {
  /** For reads. In WAL mode they never wait for a writer. */
  readonly sql: Sqlite
  /**
   * Runs `work` in a `BEGIN IMMEDIATE` transaction, which it may share: all of it counts, durably, or nothing does.
   * While another process writes, it waits without blocking the event loop, in the order of the calls.
   * @param work may be called again when what it did was undone: whatever it does beside the database must bear that
   * @throws ApiError 922 when the store stays locked for 5 s, is full or cannot be written
   */
  write<T>(work: () => T): Promise<T>
  /** Another one after every commit, of ours at once, of another process from the next turn of the event loop on. */
  version(): number
  /** How many writes wait for their turn now. */
  waitingWrites(): number
  /**
   * Tells how each write ended, from now on.
   * @param listener must not throw
   * @returns ends it
   */
  watchWrites(listener: (result: WriteResult) => void): () => void
  close(): void
}

/**
 * Opens the database of a data directory, making and migrating it as needed; all its files are 0600.
 * @throws OperatorError when it is corrupt, of a newer version, or cannot be opened
 */
export function openDatabase(
  dataDir: string,
  options: { now: () => number; migrations?: readonly Migration[] },
): Database {
  const path = databaseFile(dataDir)
  try {
    prepareDataDir(dataDir)
    // Whoever takes the lock finishes it; who holds it has done so.
    if (isRestorePending(dataDir)) acquireServeLock(dataDir).release()
    createPrivateFile(path)
    const sql = new Sqlite(path, { readwrite: true, strict: true })
    try {
      // First of all, or opening fails where another process is just recovering or closing the database.
      sql.run('PRAGMA busy_timeout = 5000')
      sql.run('PRAGMA journal_mode = WAL')
      sql.run('PRAGMA synchronous = FULL')
      // 16 MiB of WAL: fewer of the commits have to wait for what is written into the database itself.
      sql.run('PRAGMA wal_autocheckpoint = 4000')
      migrate(sql, { dataDir, migrations: options.migrations ?? allMigrations, now: options.now() })
      // Not before: SQLite rebuilds tables with foreign keys off (https://www.sqlite.org/lang_altertable.html section 7).
      sql.run('PRAGMA foreign_keys = ON')
      checkIntegrity(sql, path)
      // bun:sqlite is synchronous: a statement that waits stops the event loop. The patience is in `write`.
      sql.run('PRAGMA busy_timeout = 0')
    } catch (error) {
      sql.close()
      throw error
    }
    return createDatabase(sql)
  } catch (error) {
    throw toOpenError(error, path)
  }
}

function createDatabase(sql: Sqlite): Database {
  // https://www.sqlite.org/pragma.html#pragma_data_version: changes with the commits of other connections, not our own.
  const dataVersion = sql.query<{ data_version: number }, []>('PRAGMA data_version')
  let lastDataVersion = 0
  let isPolled = false
  let version = 0
  // Asked once a turn of the event loop: what another process commits meanwhile comes after the requests of this turn.
  const pollOtherCommits = () => {
    isPolled = true
    setImmediate(expirePoll)
    const currentDataVersion = dataVersion.get()?.data_version ?? 0
    if (currentDataVersion !== lastDataVersion) version += 1
    lastDataVersion = currentDataVersion
  }
  const expirePoll = () => {
    isPolled = false
  }
  const bumpVersion = () => {
    version += 1
    isPolled = false
  }
  const writeListeners = new Set<(result: WriteResult) => void>()
  const { write, pendingCount } = createWriteQueue(sql, bumpVersion, result => {
    for (const listener of writeListeners) listener(result)
  })
  return {
    sql,
    write,
    waitingWrites: pendingCount,
    version() {
      if (!isPolled) pollOtherCommits()
      return version
    },
    watchWrites(listener) {
      writeListeners.add(listener)
      return () => void writeListeners.delete(listener)
    },
    close: () => closeDatabase(sql),
  }
}

/** Reads every page and index: damage is found now, and not when it is met by chance. */
function checkIntegrity(sql: Sqlite, path: string): void {
  const problems = sql
    .query<{ integrity_check: string }, []>('PRAGMA integrity_check')
    .all()
    .map(row => row.integrity_check)
  if (problems[0] !== 'ok') throw corruptError(path, new Error(problems.join('; ')))
}

function closeDatabase(sql: Sqlite): void {
  try {
    sql.run('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // Another process is reading or writing; what the WAL holds is durable where it is.
  }
  sql.close()
}

// https://www.sqlite.org/rescode.html: the extended codes begin with the primary one.
const isCorrupt = (error: SQLiteError) => /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? '')

function toOpenError(error: unknown, path: string): Error {
  if (error instanceof SQLiteError && isCorrupt(error)) return corruptError(path, error)
  if (error instanceof OperatorError || error instanceof ConfigError) return error
  const reason = errorMessage(error)
  return new OperatorError(
    `The database ${path} cannot be opened (${reason}): check the disk and who owns the directory`,
    {
      cause: error,
    },
  )
}

function corruptError(path: string, cause: Error): OperatorError {
  return new OperatorError(
    `The database ${path} is corrupt (${cause.message.replace(/\s*\n\s*/g, ' ')}): put a backup in its place, or move it away and begin anew`,
    { cause },
  )
}
