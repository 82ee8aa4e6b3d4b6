import { SQLiteError, type Database as Sqlite } from 'bun:sqlite'
import { ApiError } from '../core/errors.ts'

/** A write fails when another process holds the lock for this long. */
const WRITE_TIMEOUT_MS = 5_000
/** Maximum number of writes in one transaction, which blocks the event loop until all have run. */
const MAX_BATCH_SIZE = 64

/** `failed`: the store could not be written. `withdrawn`: the work itself threw. */
export interface WriteResult {
  outcome: 'stored' | 'failed' | 'withdrawn'
  /** Time spent waiting and writing, in milliseconds. */
  ms: number
}

interface QueuedWrite {
  deadline: number
  /** Runs alone, after a shared transaction failed as a whole. */
  isIsolated: boolean
  /** @returns resolves the caller's promise, to be called after the commit */
  work(): () => void
  reject(error: unknown): void
}

/**
 * Runs writes one after another, in the order of the calls. Writes that wait at the same time share one transaction and
 * so one fsync. Each has its own savepoint, so that one which throws is rolled back alone. Callers get their results
 * after the commit.
 * @param onChange called whenever readable data may have changed
 * @param onEnd called with the result of each write
 */
export function createWriteQueue(sql: Sqlite, onChange: () => void, onEnd: (result: WriteResult) => void) {
  const [begin, commit, rollback] = [sql.query('BEGIN IMMEDIATE'), sql.query('COMMIT'), sql.query('ROLLBACK')]
  const savepoint = sql.query('SAVEPOINT queued_write')
  const release = sql.query('RELEASE queued_write')
  const rollbackToSavepoint = sql.query('ROLLBACK TO queued_write')
  let queue: QueuedWrite[] = []
  let isRunning = false

  return {
    /**
     * @param work may run again after a rollback
     * @throws ApiError 922
     */
    write<T>(work: () => T): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const startedAt = performance.now()
      const finish = (outcome: WriteResult['outcome']) => onEnd({ outcome, ms: performance.now() - startedAt })
      queue.push({
        deadline: startedAt + WRITE_TIMEOUT_MS,
        isIsolated: false,
        work() {
          const result = work()
          return () => {
            resolve(result)
            finish('stored')
          }
        },
        reject(error) {
          reject(toApiError(error))
          finish(isStoreFailure(error) ? 'failed' : 'withdrawn')
        },
      })
      if (!isRunning) {
        isRunning = true
        // In the next turn of the event loop, so that writes of this turn share the transaction.
        setImmediate(drainQueue)
      }
      return promise
    },

    pendingCount: (): number => queue.length,
  }

  async function drainQueue(): Promise<void> {
    while (queue.length > 0) {
      if (tryBegin()) writeBatch(queue.splice(0, nextBatchSize()))
      // SQLite's own busy handler would block the event loop.
      else await Bun.sleep(1 + Math.random() * 10)
      if (queue.length > 0) await new Promise(setImmediate)
    }
    isRunning = false
  }

  /** @returns false while another process writes */
  function tryBegin(): boolean {
    try {
      begin.run()
      // The transaction reads what other processes have committed.
      onChange()
      return true
    } catch (error) {
      const time = performance.now()
      const isExpired = (write: QueuedWrite) => !isBusy(error) || time >= write.deadline
      const expired = queue.filter(isExpired)
      queue = queue.filter(write => !isExpired(write))
      for (const write of expired) write.reject(error)
      return false
    }
  }

  function nextBatchSize(): number {
    const firstIsolated = queue.findIndex(write => write.isIsolated)
    return Math.min(firstIsolated === -1 ? MAX_BATCH_SIZE : Math.max(1, firstIsolated), queue.length)
  }

  function writeBatch(batch: QueuedWrite[]): void {
    try {
      const notifiers = batch.length === 1 ? batch.map(write => write.work()) : batch.map(runInSavepoint)
      commit.run()
      onChange()
      for (const notify of notifiers) notify()
    } catch (error) {
      rollBack()
      onChange()
      if (batch.length === 1) batch[0]?.reject(error)
      // Everything was rolled back and the culprit is unknown: run each write alone.
      else queue.unshift(...batch.map(write => ({ ...write, isIsolated: true })))
    }
  }

  function rollBack(): void {
    try {
      if (sql.inTransaction) rollback.run()
    } catch {
      // The next BEGIN fails and reports the problem.
    }
  }

  /**
   * @throws when SQLite has rolled back the whole transaction including the savepoint, as it may on a full disk: https://www.sqlite.org/lang_transaction.html section 3
   */
  function runInSavepoint(write: QueuedWrite): () => void {
    savepoint.run()
    try {
      const notify = write.work()
      release.run()
      return notify
    } catch (error) {
      rollbackToSavepoint.run()
      release.run()
      return () => write.reject(error)
    } finally {
      // The next write reads what this one wrote.
      onChange()
    }
  }
}

// Extended codes start with the primary one: https://www.sqlite.org/rescode.html
const codeOf = (error: unknown) => (error instanceof SQLiteError ? (error.code ?? '') : '')
const isBusy = (error: unknown) => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))
/** Errors of the store, not of the work. */
const isStoreError = (error: unknown) => /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN)/.test(codeOf(error))

/** A constraint violation is a fault of the work, not of the store. */
const isStoreFailure = (error: unknown) => error instanceof SQLiteError && !/^SQLITE_CONSTRAINT/.test(codeOf(error))

function toApiError(error: unknown): unknown {
  return isStoreError(error) ? new ApiError('storeUnavailable', { cause: error }) : error
}
