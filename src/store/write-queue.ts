import { SQLiteError, type Database as Sqlite } from 'bun:sqlite'
import { ApiError } from '../core/errors.ts'

/** A caller of `write` is refused when another process has kept the lock for so long. */
const WRITE_TIMEOUT_MS = 5_000
/** Writes that share a transaction, at the most: it stops the event loop for as long as all of them take. */
const MAX_BATCH_SIZE = 64

/** How a write ended: `failed` is the store's doing, `withdrawn` that of the work itself, which threw. */
export interface WriteResult {
  outcome: 'stored' | 'failed' | 'withdrawn'
  /** Of waiting and writing, in milliseconds. */
  ms: number
}

/** A write that waits for its transaction. */
interface QueuedWrite {
  deadline: number
  /** After it was in a transaction that failed as a whole. */
  isIsolated: boolean
  /** @returns what tells the caller of the result, for when that is durable */
  work(): () => void
  reject(error: unknown): void
}

/**
 * Writes one after another, in the order of the calls. Those that wait at the same time share one `BEGIN IMMEDIATE` and
 * one `COMMIT`, and so one wait for the disk: each in a savepoint of its own, so that one which throws is undone alone.
 * Nobody is told of a result before it is durable.
 * @param onChange is called whenever what can be read may have become another
 * @param onEnd is called with the end of each write
 */
export function createWriteQueue(sql: Sqlite, onChange: () => void, onEnd: (result: WriteResult) => void) {
  const [begin, commit, rollback] = [sql.query('BEGIN IMMEDIATE'), sql.query('COMMIT'), sql.query('ROLLBACK')]
  const savepoint = sql.query('SAVEPOINT one')
  const release = sql.query('RELEASE one')
  const rollbackToSavepoint = sql.query('ROLLBACK TO one')
  let queue: QueuedWrite[] = []
  let isRunning = false

  return {
    /**
     * @param work may be called again, when SQLite has undone what it did before
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
        // In the next turn of the event loop: what is asked for in this one comes along.
        setImmediate(drainQueue)
      }
      return promise
    },

    /** How many wait for their transaction. */
    pendingCount: (): number => queue.length,
  }

  async function drainQueue(): Promise<void> {
    while (queue.length > 0) {
      if (tryBegin()) writeBatch(queue.splice(0, nextBatchSize()))
      // Outside of SQLite, which would stop the event loop.
      else await Bun.sleep(1 + Math.random() * 10)
      if (queue.length > 0) await new Promise(setImmediate)
    }
    isRunning = false
  }

  /** @returns false while another process writes */
  function tryBegin(): boolean {
    try {
      begin.run()
      // What others have committed by now is what this transaction reads.
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
      // Nothing of it counts, and which of them it was is not known: each is tried by itself.
      else queue.unshift(...batch.map(write => ({ ...write, isIsolated: true })))
    }
  }

  function rollBack(): void {
    try {
      if (sql.inTransaction) rollback.run()
    } catch {
      // Then the next one cannot begin, and says so.
    }
  }

  /**
   * @throws when SQLite has undone all of the transaction by itself, as it may where the disk is full, and the savepoint
   * with it: https://www.sqlite.org/lang_transaction.html section 3
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
      // The next one sees what this one wrote.
      onChange()
    }
  }
}

// https://www.sqlite.org/rescode.html: the extended codes begin with the primary one.
const codeOf = (error: unknown) => (error instanceof SQLiteError ? (error.code ?? '') : '')
const isBusy = (error: unknown) => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))
/** What is no mistake of the work itself. */
const isStoreError = (error: unknown) => /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN)/.test(codeOf(error))

/** A constraint is broken by what was written, and by nothing that the store could help. */
const isStoreFailure = (error: unknown) => error instanceof SQLiteError && !/^SQLITE_CONSTRAINT/.test(codeOf(error))

function toApiError(error: unknown): unknown {
  return isStoreError(error) ? new ApiError('storeUnavailable', { cause: error }) : error
}
