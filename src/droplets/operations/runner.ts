import type { Audit } from '../../audit/service.ts'
import { ApiError } from '../../core/errors.ts'
import { createListeners } from '../../core/listeners.ts'
import { describeError, type Log } from '../../core/log.ts'
import type { Database } from '../../store/database.ts'
import type { Operation, OperationStore } from '../../store/operations.ts'
import type { Progress } from '../engine.ts'
import type { OperationEntry, OperationView } from './entry.ts'

/** Minimum interval between progress notifications of one operation. */
const PROGRESS_INTERVAL_MS = 250

/** Passed to the work of an operation, which reports its progress with it. */
export interface OperationContext {
  readonly id: string
  /** The username of the requester. */
  readonly user: string
  /** Aborted when the operation is cancelled. */
  readonly signal: AbortSignal
  /** Leaves the queue: the state becomes `running`. */
  start(): void
  /** Sets the name of the droplet once it is known. */
  setDroplet(droplet: string): void
  /** Starts a step and ends the previous one. */
  startStep(name: string): void
  /** Ends the current step. */
  endStep(): void
  reportProgress(progress: Progress): void
  /**
   * Stores the successful end, with `alsoWrite` in the same transaction; nothing is rolled back after this. Without it,
   * the operation is done when its work resolves.
   * @throws ApiError 922 when the store cannot be written, 932 if it was cancelled at the last moment
   */
  complete(alsoWrite: () => void): Promise<void>
}

/**
 * Runs operations to their end and notifies listeners of every change.
 * @param onStored called with the id of an operation whose end is durable
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
  const listeners = createListeners<OperationView>(log, 'an operation listener failed')
  let isClosed = false

  return {
    /** Starts the work. */
    run,

    /** Ends an operation that has not started, or whose work has ended. */
    settle,

    update,

    /**
     * Calls the listener with every change of an operation.
     * @returns unsubscribes
     */
    watch: listeners.add,

    /** Operations that end from now on stay unfinished in the store, and are resumed at the next start. */
    close(): void {
      isClosed = true
    },
  }

  function run(entry: OperationEntry, work: (context: OperationContext) => Promise<void>): void {
    notify(entry)
    // Nothing may be waiting for the result.
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

  /** Stores the result now, or later if the store cannot be written. */
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
      log.warn('the end of an operation cannot be stored yet, retrying', {
        operation: result.id,
        error: describeError(writeError),
      })
      // Until then it is served from memory.
      audit.defer(write, () => onStored(result.id))
    }
    finish(entry, result, error)
  }

  function toApiError(thrown: unknown, { abortController }: OperationEntry): ApiError {
    // Any error after a cancellation is a consequence of it.
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
    listeners.notify(structuredClone(entry.operation))
  }
}
