import type { Act, Audit, Begun } from '../audit/service.ts'
import type { Progress } from '../droplets/engine.ts'
import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import type { Database } from '../store/database.ts'
import type { Operation, OperationStore } from '../store/operations.ts'

/** So often at most the progress of one operation is told. */
const TELL_EVERY_MS = 250

/** An operation as it is now. */
export interface PresentOperation extends Operation {
  progress: Progress | null
  /** Whether it can still be undone. */
  cancellable: boolean
}

/** What the work of an operation has in hand. */
export interface Handle {
  readonly id: string
  /** The name of the user who wants it. */
  readonly user: string
  /** Aborted when somebody wants it undone. */
  readonly cancelled: AbortSignal
  /** It is its turn. */
  begin(): void
  /** The droplet that it turned out to be about. */
  concern(droplet: string): void
  /** The next step begins, and with it the one before is over. */
  step(name: string): void
  /** The present one is over. */
  endStep(): void
  progress(progress: Progress): void
  /**
   * Done, durably, with `also` in the same transaction: from here on nothing is undone. Without this the operation is
   * done when its work is.
   * @throws ApiError 922 when the store cannot be written, 932 when it was cancelled in the last moment
   */
  succeed(also: () => void): Promise<void>
}

/** One that has not ended, or whose end is not in the store yet. */
export interface Running {
  operation: PresentOperation
  /** Undefined for one that an earlier process left open, until it is taken up. */
  begun: Begun | undefined
  undoable: boolean
  /** As `resume` has it. */
  postponable: boolean
  abort: AbortController
  /** Who cancelled it. */
  canceller: Act | undefined
  /** Its end is being written. */
  isEnding: boolean
  /** Resolves at its end, or rejects with its error. */
  end: PromiseWithResolvers<void>
  /** Wake who waits for its end, but only for some time. */
  waiting: Set<() => void>
  toldAt: number
}

/**
 * Carries operations out, each from its turn to its end, and tells of every change.
 * @param stored called with the id of one whose end is durable
 */
export function createRunner(deps: {
  db: Database
  store: OperationStore
  audit: Pick<Audit, 'end' | 'later' | 'record'>
  now: () => number
  log: Log
  stored: (id: string) => void
}) {
  const { db, store, audit, now, log, stored } = deps
  const watchers = new Set<(operation: PresentOperation) => void>()
  let isClosed = false

  return {
    /** Begins with the work. */
    run,

    /** Ends one that has not begun, or whose work is over. */
    conclude,

    change,

    /** Told of every change of an operation. */
    watch(listener: (operation: PresentOperation) => void): () => void {
      watchers.add(listener)
      return () => void watchers.delete(listener)
    },

    /** From now on what ends stays open in the store. */
    close(): void {
      isClosed = true
    },
  }

  function run(one: Running, work: (handle: Handle) => Promise<void>): void {
    tell(one)
    // Whoever waits is told; nobody has to wait.
    one.end.promise.catch(error => {
      if (error.cause) log.info('operation failed', { operation: one.operation.id, error: describeError(error) })
    })
    work(handleOf(one)).then(
      () => conclude(one),
      error => conclude(one, error),
    )
  }

  function handleOf(one: Running): Handle {
    const { operation, abort, undoable } = one
    return {
      id: operation.id,
      user: operation.user,
      cancelled: abort.signal,
      begin() {
        abort.signal.throwIfAborted()
        change(one, { state: 'running', startedAt: now(), cancellable: undoable })
      },
      concern: droplet => change(one, { droplet }),
      step: name => change(one, { steps: [...ended(operation.steps), { name, startedAt: now() }], progress: null }),
      endStep: () => change(one, { steps: ended(operation.steps), progress: null }),
      progress(progress) {
        operation.progress = progress
        if (now() - one.toldAt >= TELL_EVERY_MS) tell(one)
      },
      async succeed(also) {
        abort.signal.throwIfAborted()
        one.isEnding = true
        change(one, { cancellable: false })
        const result = doneNow(operation)
        try {
          await db.write(ending(one, result, undefined, also))
        } catch (error) {
          one.isEnding = false
          throw error
        }
        stored(operation.id)
        end(one, result)
      },
    }
  }

  function ended(steps: Operation['steps']): Operation['steps'] {
    return steps.map(step => ({ endedAt: now(), ...step }))
  }

  function doneNow(operation: Operation): Operation {
    return { ...operation, state: 'done', endedAt: now(), steps: ended(operation.steps) }
  }

  /** What came of it: kept at once, or later when the store cannot be written. */
  async function conclude(one: Running, thrown?: unknown): Promise<void> {
    if (one.isEnding || isClosed) return
    one.isEnding = true
    const error = thrown === undefined ? undefined : toApiError(thrown, one)
    const result = error ? failedNow(one.operation, error) : doneNow(one.operation)
    const write = ending(one, result, error)
    try {
      await db.write(write)
      stored(result.id)
    } catch (writeError) {
      log.warn('the end of an operation is stored later', { operation: result.id, error: describeError(writeError) })
      // Until then it is shown from memory.
      audit.later(write, () => stored(result.id))
    }
    end(one, result, error)
  }

  function toApiError(thrown: unknown, { abort }: Running): ApiError {
    // Whatever it was that ended it, it was ended because somebody wanted that.
    if (abort.signal.aborted) return new ApiError('operationCancelled', { cause: thrown })
    return thrown instanceof ApiError ? thrown : new ApiError('internal', { cause: thrown })
  }

  function failedNow(operation: Operation, error: ApiError): Operation {
    const isCancelled = error.kind === 'operationCancelled'
    return {
      ...operation,
      state: isCancelled ? 'cancelled' : 'failed',
      endedAt: now(),
      error: isCancelled ? null : { id: error.errorId, text: error.message },
    }
  }

  /** What writes the end down. */
  function ending(one: Running, result: Operation, error: unknown, also?: () => void): () => void {
    const { begun, canceller } = one
    return () => {
      also?.()
      store.end(result)
      if (begun) audit.end(begun, result.droplet ?? '', error)
      if (canceller && result.state === 'cancelled') audit.record(canceller, result.id)
    }
  }

  function end(one: Running, result: Operation, error?: ApiError): void {
    const { id, kind, droplet, state, createdAt } = result
    const ms = now() - createdAt
    log.info('operation ended', { operation: id, kind, droplet, state, ms, errorId: error?.errorId })
    change(one, { ...result, progress: null, cancellable: false })
    if (error) one.end.reject(error)
    else one.end.resolve()
    for (const wake of one.waiting) wake()
  }

  function change(one: Running, changed: Partial<PresentOperation>): void {
    Object.assign(one.operation, changed)
    tell(one)
  }

  function tell(one: Running): void {
    one.toldAt = now()
    for (const listener of watchers) {
      try {
        listener(structuredClone(one.operation))
      } catch (error) {
        // What is done is done all the same, and the others are told.
        log.error('a watcher of the operations failed', { error: describeError(error) })
      }
    }
  }
}

/** One that nobody works at yet. */
export function keep(operation: Operation, can: { undoable: boolean; cancellable: boolean }): Running {
  return {
    operation: { ...operation, progress: null, cancellable: can.cancellable },
    begun: undefined,
    undoable: can.undoable,
    postponable: false,
    abort: new AbortController(),
    canceller: undefined,
    isEnding: false,
    end: Promise.withResolvers(),
    waiting: new Set(),
    toldAt: 0,
  }
}
