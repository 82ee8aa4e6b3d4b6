import type { Audit, PendingRecord } from '../../audit/service.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import { describeError, type Log } from '../../core/log.ts'
import type { Database } from '../../store/database.ts'
import type { Operation, OperationStore } from '../../store/operations.ts'
import type { Progress } from '../engine.ts'

/** So often at most the progress of one operation is told. */
const PROGRESS_INTERVAL_MS = 250

/** An operation as it is now. */
export interface OperationView extends Operation {
  progress: Progress | null
  /** Whether it can still be undone. */
  cancellable: boolean
}

/** What the work of an operation has in hand. */
export interface OperationContext {
  readonly id: string
  /** The name of the user who wants it. */
  readonly user: string
  /** Aborted when somebody wants it undone. */
  readonly signal: AbortSignal
  /** It is its turn. */
  start(): void
  /** The droplet that it turned out to be about. */
  setDroplet(droplet: string): void
  /** The next step begins, and with it the one before is over. */
  startStep(name: string): void
  /** The present one is over. */
  endStep(): void
  reportProgress(progress: Progress): void
  /**
   * Done, durably, with `also` in the same transaction: from here on nothing is undone. Without this the operation is
   * done when its work is.
   * @throws ApiError 922 when the store cannot be written, 932 when it was cancelled in the last moment
   */
  complete(alsoWrite: () => void): Promise<void>
}

/** One that has not ended, or whose end is not in the store yet. */
export interface OperationEntry {
  operation: OperationView
  /** Undefined for one that an earlier process left open, until it is taken up. */
  pendingRecord: PendingRecord | undefined
  undoable: boolean
  /** As `resume` has it. */
  postponable: boolean
  abortController: AbortController
  /** Who cancelled it. */
  cancelledBy: Actor | undefined
  /** Its end is being written. */
  isSettling: boolean
  /** Resolves at its end, or rejects with its error. */
  completion: PromiseWithResolvers<void>
  /** Wake who waits for its end, but only for some time. */
  waiters: Set<() => void>
  notifiedAt: number
}

/**
 * Carries operations out, each from its turn to its end, and tells of every change.
 * @param stored called with the id of one whose end is durable
 */
export function createOperationRunner(deps: {
  db: Database
  store: OperationStore
  audit: Pick<Audit, 'recordEnd' | 'defer' | 'record'>
  now: () => number
  log: Log
  onStored: (id: string) => void
}) {
  const { db, store, audit, now, log, onStored } = deps
  const listeners = new Set<(operation: OperationView) => void>()
  let isClosed = false

  return {
    /** Begins with the work. */
    run,

    /** Ends one that has not begun, or whose work is over. */
    settle,

    update,

    /** Told of every change of an operation. */
    watch(listener: (operation: OperationView) => void): () => void {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },

    /** From now on what ends stays open in the store. */
    close(): void {
      isClosed = true
    },
  }

  function run(entry: OperationEntry, work: (context: OperationContext) => Promise<void>): void {
    notify(entry)
    // Whoever waits is told; nobody has to wait.
    entry.completion.promise.catch(error => {
      if (error.cause) log.info('operation failed', { operation: entry.operation.id, error: describeError(error) })
    })
    work(contextOf(entry)).then(
      () => settle(entry),
      error => settle(entry, error),
    )
  }

  function contextOf(entry: OperationEntry): OperationContext {
    const { operation, abortController, undoable } = entry
    return {
      id: operation.id,
      user: operation.user,
      signal: abortController.signal,
      start() {
        abortController.signal.throwIfAborted()
        update(entry, { state: 'running', startedAt: now(), cancellable: undoable })
      },
      setDroplet: droplet => update(entry, { droplet }),
      startStep: name =>
        update(entry, { steps: [...withEndTimes(operation.steps), { name, startedAt: now() }], progress: null }),
      endStep: () => update(entry, { steps: withEndTimes(operation.steps), progress: null }),
      reportProgress(progress) {
        operation.progress = progress
        if (now() - entry.notifiedAt >= PROGRESS_INTERVAL_MS) notify(entry)
      },
      async complete(alsoWrite) {
        abortController.signal.throwIfAborted()
        entry.isSettling = true
        update(entry, { cancellable: false })
        const result = asDone(operation)
        try {
          await db.write(createEndWrite(entry, result, undefined, alsoWrite))
        } catch (error) {
          entry.isSettling = false
          throw error
        }
        onStored(operation.id)
        finish(entry, result)
      },
    }
  }

  function withEndTimes(steps: Operation['steps']): Operation['steps'] {
    return steps.map(step => ({ endedAt: now(), ...step }))
  }

  function asDone(operation: Operation): Operation {
    return { ...operation, state: 'done', endedAt: now(), steps: withEndTimes(operation.steps) }
  }

  /** What came of it: kept at once, or later when the store cannot be written. */
  async function settle(entry: OperationEntry, thrown?: unknown): Promise<void> {
    if (entry.isSettling || isClosed) return
    entry.isSettling = true
    const error = thrown === undefined ? undefined : toApiError(thrown, entry)
    const result = error ? asFailed(entry.operation, error) : asDone(entry.operation)
    const write = createEndWrite(entry, result, error)
    try {
      await db.write(write)
      onStored(result.id)
    } catch (writeError) {
      log.warn('the end of an operation is stored later', { operation: result.id, error: describeError(writeError) })
      // Until then it is shown from memory.
      audit.defer(write, () => onStored(result.id))
    }
    finish(entry, result, error)
  }

  function toApiError(thrown: unknown, { abortController }: OperationEntry): ApiError {
    // Whatever it was that ended it, it was ended because somebody wanted that.
    if (abortController.signal.aborted) return new ApiError('operationCancelled', { cause: thrown })
    return thrown instanceof ApiError ? thrown : new ApiError('internal', { cause: thrown })
  }

  function asFailed(operation: Operation, error: ApiError): Operation {
    const isCancelled = error.kind === 'operationCancelled'
    return {
      ...operation,
      state: isCancelled ? 'cancelled' : 'failed',
      endedAt: now(),
      error: isCancelled ? null : { id: error.errorId, text: error.message },
    }
  }

  /** What writes the end down. */
  function createEndWrite(
    entry: OperationEntry,
    result: Operation,
    error: unknown,
    alsoWrite?: () => void,
  ): () => void {
    const { pendingRecord, cancelledBy } = entry
    return () => {
      alsoWrite?.()
      store.saveResult(result)
      if (pendingRecord) audit.recordEnd(pendingRecord, result.droplet ?? '', error)
      if (cancelledBy && result.state === 'cancelled') audit.record(cancelledBy, result.id)
    }
  }

  function finish(entry: OperationEntry, result: Operation, error?: ApiError): void {
    const { id, kind, droplet, state, createdAt } = result
    const ms = now() - createdAt
    log.info('operation ended', { operation: id, kind, droplet, state, ms, errorId: error?.errorId })
    update(entry, { ...result, progress: null, cancellable: false })
    if (error) entry.completion.reject(error)
    else entry.completion.resolve()
    for (const wake of entry.waiters) wake()
  }

  function update(entry: OperationEntry, changes: Partial<OperationView>): void {
    Object.assign(entry.operation, changes)
    notify(entry)
  }

  function notify(entry: OperationEntry): void {
    entry.notifiedAt = now()
    for (const listener of listeners) {
      try {
        listener(structuredClone(entry.operation))
      } catch (error) {
        // What is done is done all the same, and the others are told.
        log.error('an operation listener failed', { error: describeError(error) })
      }
    }
  }
}

/** One that nobody works at yet. */
export function createEntry(operation: Operation, flags: { undoable: boolean; cancellable: boolean }): OperationEntry {
  return {
    operation: { ...operation, progress: null, cancellable: flags.cancellable },
    pendingRecord: undefined,
    undoable: flags.undoable,
    postponable: false,
    abortController: new AbortController(),
    cancelledBy: undefined,
    isSettling: false,
    completion: Promise.withResolvers(),
    waiters: new Set(),
    notifiedAt: 0,
  }
}
