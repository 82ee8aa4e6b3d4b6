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
   * Runs `work` in a `BEGIN IMMEDIATE` transaction, which it may share with other writes. It either takes effect durably
   * and as a whole, or not at all. Waits for other processes without blocking the event loop; writes keep their order.
   * @param work may run again after a rollback, so its side effects outside the database must be repeatable
   * @throws ApiError 922 when the store stays locked for 5 s, is full or cannot be written
   */
  write<T>(work: () => T): Promise<T>
  /** Changes with every commit: our own at once, those of other processes from the next turn of the event loop on. */
  version(): number
  /** Number of queued writes. */
  waitingWrites(): number
  /**
   * Reports the result of every write.
   * @param listener must not throw
   * @returns removes the listener
   */
  watchWrites(listener: (result: WriteResult) => void): () => void
  close(): void
}

/**
 * Opens the database of a data directory; creates and migrates it as needed. All its files are 0600.
 * @throws OperatorError when it is corrupt, from a newer version, or cannot be opened
 */
export function openDatabase(
  dataDir: string,
  options: { now: () => number; migrations?: readonly Migration[] },
): Database {
  const path = databaseFile(dataDir)
  try {
    prepareDataDir(dataDir)
    // Taking the lock finishes the restore.
    if (isRestorePending(dataDir)) acquireServeLock(dataDir).release()
    createPrivateFile(path)
    const sql = new Sqlite(path, { readwrite: true, strict: true })
    try {
      // First, or opening fails while another process recovers or closes the database.
      sql.run('PRAGMA busy_timeout = 5000')
      sql.run('PRAGMA journal_mode = WAL')
      sql.run('PRAGMA synchronous = FULL')
      // 16 MiB of WAL: fewer commits have to wait for a checkpoint.
      sql.run('PRAGMA wal_autocheckpoint = 4000')
      migrate(sql, { dataDir, migrations: options.migrations ?? allMigrations, now: options.now() })
      // Not before: SQLite rebuilds tables with foreign keys off (https://www.sqlite.org/lang_altertable.html section 7).
      sql.run('PRAGMA foreign_keys = ON')
      checkIntegrity(sql, path)
      // bun:sqlite is synchronous: a waiting statement blocks the event loop. `write` waits and retries instead.
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
  // Polled once per turn of the event loop: later commits of other processes take effect in the next turn.
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

/** Reads every page and index, so that damage is found at start. */
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
    // Another process reads or writes. The WAL is durable as it is.
  }
  sql.close()
}

// Extended codes start with the primary one: https://www.sqlite.org/rescode.html
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
    `The database ${path} is corrupt (${cause.message.replace(/\s*\n\s*/g, ' ')}): restore a backup, or move the file away to start with an empty database`,
    { cause },
  )
}
