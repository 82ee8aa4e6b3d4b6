import { SQLiteError, type Database as Sqlite } from 'bun:sqlite'
import { ApiError } from '../errors.ts'

/** A caller of `write` is refused when another process has kept the lock for so long. */
const PATIENCE_MS = 5_000
/** Writes that share a transaction, at the most: it stops the event loop for as long as all of them take. */
const TOGETHER = 64

/** How a write ended: `failed` is the store's doing, `withdrawn` that of the work itself, which threw. */
export interface WriteEnd {
  how: 'stored' | 'failed' | 'withdrawn'
  /** Of waiting and writing, in milliseconds. */
  ms: number
}

/** A write that waits for its transaction. */
interface Waiting {
  patienceEnds: number
  /** After it was in a transaction that failed as a whole. */
  alone: boolean
  /** @returns what tells the caller of the result, for when that is durable */
  work(): () => void
  refuse(error: unknown): void
}

/**
 * Writes one after another, in the order of the calls. Those that wait at the same time share one `BEGIN IMMEDIATE` and
 * one `COMMIT`, and so one wait for the disk: each in a savepoint of its own, so that one which throws is undone alone.
 * Nobody is told of a result before it is durable.
 * @param moved is called whenever what can be read may have become another
 * @param ended is called with the end of each write
 */
export function createWriteQueue(sql: Sqlite, moved: () => void, ended: (end: WriteEnd) => void) {
  const [begin, commit, rollback] = [sql.query('BEGIN IMMEDIATE'), sql.query('COMMIT'), sql.query('ROLLBACK')]
  const savepoint = sql.query('SAVEPOINT one')
  const release = sql.query('RELEASE one')
  const undo = sql.query('ROLLBACK TO one')
  let waiting: Waiting[] = []
  let busy = false

  return {
    /**
     * @param work may be called again, when SQLite has undone what it did before
     * @throws ApiError 922
     */
    write<T>(work: () => T): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const begunAt = performance.now()
      const end = (how: WriteEnd['how']) => ended({ how, ms: performance.now() - begunAt })
      waiting.push({
        patienceEnds: begunAt + PATIENCE_MS,
        alone: false,
        work() {
          const result = work()
          return () => {
            resolve(result)
            end('stored')
          }
        },
        refuse(error) {
          reject(translate(error))
          end(isFailure(error) ? 'failed' : 'withdrawn')
        },
      })
      if (!busy) {
        busy = true
        // In the next turn of the event loop: what is asked for in this one comes along.
        setImmediate(writeAll)
      }
      return promise
    },
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      if (tryBegin()) writeTogether(waiting.splice(0, countTogether()))
      // Outside of SQLite, which would stop the event loop.
      else await Bun.sleep(1 + Math.random() * 10)
      if (waiting.length > 0) await new Promise(setImmediate)
    }
    busy = false
  }

  /** @returns false while another process writes */
  function tryBegin(): boolean {
    try {
      begin.run()
      // What others have committed by now is what this transaction reads.
      moved()
      return true
    } catch (error) {
      const time = performance.now()
      const isOver = (write: Waiting) => !isBusy(error) || time >= write.patienceEnds
      const refused = waiting.filter(isOver)
      waiting = waiting.filter(write => !isOver(write))
      for (const write of refused) write.refuse(error)
      return false
    }
  }

  function countTogether(): number {
    const firstAlone = waiting.findIndex(write => write.alone)
    return Math.min(firstAlone === -1 ? TOGETHER : Math.max(1, firstAlone), waiting.length)
  }

  function writeTogether(group: Waiting[]): void {
    try {
      const tell = group.length === 1 ? group.map(write => write.work()) : group.map(inSavepoint)
      commit.run()
      moved()
      for (const told of tell) told()
    } catch (error) {
      rollBack()
      moved()
      if (group.length === 1) group[0]?.refuse(error)
      // Nothing of it counts, and which of them it was is not known: each is tried by itself.
      else waiting.unshift(...group.map(write => ({ ...write, alone: true })))
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
  function inSavepoint(write: Waiting): () => void {
    savepoint.run()
    try {
      const tell = write.work()
      release.run()
      return tell
    } catch (error) {
      undo.run()
      release.run()
      return () => write.refuse(error)
    } finally {
      // The next one sees what this one wrote.
      moved()
    }
  }
}

// https://www.sqlite.org/rescode.html: the extended codes begin with the primary one.
const codeOf = (error: unknown) => (error instanceof SQLiteError ? (error.code ?? '') : '')
const isBusy = (error: unknown) => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))
/** What is no mistake of the work itself. */
const isOfStore = (error: unknown) => /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN)/.test(codeOf(error))

/** A constraint is broken by what was written, and by nothing that the store could help. */
const isFailure = (error: unknown) => error instanceof SQLiteError && !/^SQLITE_CONSTRAINT/.test(codeOf(error))

function translate(error: unknown): unknown {
  return isOfStore(error) ? new ApiError('storeUnavailable', { cause: error }) : error
}
