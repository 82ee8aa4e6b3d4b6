import type { Audit } from '../../audit/service.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError, errorNameById } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Database } from '../../store/database.ts'
import type { IdempotencyKey, Operation, OperationFilter, OperationStore } from '../../store/operations.ts'
import { createEntry, type OperationView } from './entry.ts'
import { createOperationRunner, type OperationContext } from './runner.ts'

const RETENTION_MS = 7 * 86_400_000
/** Caps the table at about 50 MB. */
const MAX_RETAINED = 100_000
/** Maximum unfinished operations; well above what 99 droplets need. */
const MAX_UNFINISHED = 500
const RETRY_AFTER_SECONDS = 10

interface OperationRequest extends Pick<Operation, 'kind' | 'droplet' | 'dropletId'> {
  actor: Actor
  idempotencyKey: IdempotencyKey | undefined
  /** Whether it can be cancelled after it has started. */
  undoable: boolean
  /** Must roll back its changes before it throws. */
  work: (context: OperationContext) => Promise<void>
}

export type Operations = ReturnType<typeof createOperations>

/**
 * Long-running changes. Each is stored before it starts and kept for 7 days after its end, and reports its progress. It
 * runs to completion whether or not a client waits for it.
 */
export function createOperations(deps: {
  db: Database
  store: OperationStore
  audit: Pick<Audit, 'recordStart' | 'recordEnd' | 'defer' | 'record'>
  now: () => number
  log: Log
}) {
  const { db, store, audit, now } = deps
  const entries = new Map(
    store
      .listUnfinished()
      .map(operation => [operation.id, createEntry(operation, { undoable: false, cancellable: false })]),
  )
  const runner = createOperationRunner({ ...deps, onStored: id => void entries.delete(id) })
  /** Accepted, but not stored yet. */
  let pendingStarts = 0
  let isClosed = false

  return {
    /**
     * Starts an operation; it is durable when this resolves.
     * @returns the earlier operation if the idempotency key was used for the same request
     * @throws ApiError 922 when it cannot be stored, 930 for a key used for another request, 934 when too many are
     * unfinished; then nothing is started
     */
    async start(request: OperationRequest): Promise<OperationView> {
      const { actor, idempotencyKey, kind, droplet, dropletId, undoable } = request
      if (entries.size + pendingStarts >= MAX_UNFINISHED)
        throw new ApiError('tooManyOperations', { retryAfterSeconds: RETRY_AFTER_SECONDS })
      const operation: Operation = {
        ...{ id: crypto.randomUUID(), kind, droplet, dropletId, ...actor, state: 'queued' },
        ...{ createdAt: now(), startedAt: null, endedAt: null, steps: [], error: null },
      }
      const entry = createEntry(operation, { undoable, cancellable: true })
      pendingStarts += 1
      try {
        const existing = await db.write(() => {
          const duplicate = idempotencyKey && findByIdempotencyKey(idempotencyKey)
          if (duplicate) return duplicate
          store.insert(operation, idempotencyKey)
          entry.pendingRecord = audit.recordStart(actor, droplet ?? '')
          return undefined
        })
        if (existing) return existing
        entries.set(operation.id, entry)
      } finally {
        pendingStarts -= 1
      }
      runner.run(entry, request.work)
      return toView(operation)
    },

    /** The unfinished operations of earlier processes that are not resumed yet, oldest first. */
    unfinished: (): Operation[] =>
      [...entries.values()].flatMap(({ operation, pendingRecord }) => (pendingRecord ? [] : [operation])),

    /**
     * Resumes an unfinished operation of an earlier process.
     * @param work completes the operation, or rolls it back
     * @param postponable whether the next process may do this instead: then a shutdown does not wait for it
     * @throws ApiError 922 when the store cannot be written; then nothing is started
     */
    async resume(id: string, work: (context: OperationContext) => Promise<void>, postponable: boolean): Promise<void> {
      const entry = entries.get(id)
      if (!entry || entry.pendingRecord)
        throw new Error('Only an unfinished operation of an earlier process can be resumed')
      entry.postponable = postponable
      const { user, address, action, droplet } = entry.operation
      entry.pendingRecord = await db.write(() => audit.recordStart({ user, address, action }, droplet ?? ''))
      runner.run(entry, work)
    },

    /**
     * The operation that this key was used for.
     * @throws ApiError 930 if it was used for another request
     */
    findByIdempotencyKey,

    /** @throws ApiError 929 */
    show,

    /** Newest first. */
    list(filter: Partial<Omit<OperationFilter, 'also'>>): OperationView[] {
      const unfinished = [...entries.values()].filter(({ operation }) => operation.droplet === filter.droplet)
      const unfinishedIds = unfinished.map(({ operation }) => operation.id)
      return store.list({ before: '', droplet: '', limit: 100, ...filter, also: unfinishedIds }).map(toView)
    },

    /**
     * Resolves when the operation is done.
     * @throws ApiError the operation's error, or 929
     */
    async outcome(id: string): Promise<void> {
      const entry = entries.get(id)
      if (entry) return await entry.completion.promise
      const { error, state } = show(id)
      if (error) throw new ApiError(errorNameById(error.id), { text: error.text })
      if (state === 'cancelled') throw new ApiError('operationCancelled')
    },

    /**
     * Resolves when the operation ends, after `ms`, or when `signal` is aborted, whichever comes first.
     * @throws ApiError 929
     */
    async wait(id: string, ms: number, signal?: AbortSignal): Promise<OperationView> {
      const entry = entries.get(id)
      if (!entry || ms === 0 || entry.operation.endedAt !== null || isClosed || signal?.aborted) return show(id)
      // Promise.race against a long-lived promise would retain every waiter until it settles.
      const done = Promise.withResolvers<void>()
      const wake = () => done.resolve()
      const timer = setTimeout(wake, ms)
      signal?.addEventListener('abort', wake, { once: true })
      entry.waiters.add(wake)
      await done.promise
      entry.waiters.delete(wake)
      clearTimeout(timer)
      return toView(entry.operation)
    },

    /**
     * Cancels an operation, and resolves when it is rolled back. The audit records the cancellation with its end.
     * @throws ApiError 929; 931 when it is too late
     */
    async cancel(actor: Actor, id: string): Promise<OperationView> {
      const entry = entries.get(id)
      if (entry?.operation.cancellable) {
        entry.cancelledBy = actor
        entry.abortController.abort(new ApiError('operationCancelled'))
        runner.update(entry, { cancellable: false })
        // A queued operation has done nothing yet, so it ends at once.
        if (entry.operation.state === 'queued') await runner.settle(entry, new ApiError('operationCancelled'))
      }
      // A repeated cancellation waits for the same end.
      if (entry?.abortController.signal.aborted) await entry.completion.promise.catch(() => undefined)
      const operation = show(id)
      if (operation.state !== 'cancelled') throw new ApiError('operationNotCancellable')
      return operation
    },

    watch: runner.watch,

    /** Resolves when no operation is running, apart from postponable ones. */
    async idle(): Promise<void> {
      const pending = () =>
        [...entries.values()].filter(({ operation, postponable }) => operation.endedAt === null && !postponable)
      while (pending().length > 0) await Promise.allSettled(pending().map(({ completion }) => completion.promise))
    },

    /** Removes operations past their retention. Runs inside `database.write`. */
    removeOld(): void {
      store.removeEndedBefore(now() - RETENTION_MS)
      store.retainNewest(MAX_RETAINED)
    },

    /** Releases waiting clients; unfinished operations stay so in the store. */
    close(): void {
      isClosed = true
      runner.close()
      for (const { waiters } of entries.values()) for (const wake of waiters) wake()
    },
  }

  function findByIdempotencyKey(idempotencyKey: IdempotencyKey): OperationView | undefined {
    const existing = store.findByKey(idempotencyKey.userId, idempotencyKey.key)
    if (!existing) return undefined
    if (!Buffer.from(existing.fingerprint).equals(idempotencyKey.fingerprint)) throw new ApiError('keyReused')
    return toView(existing.operation)
  }

  function show(id: string): OperationView {
    const operation = entries.get(id)?.operation ?? store.find(id)
    if (!operation) throw new ApiError('operationNotFound')
    return toView(operation)
  }

  function toView(operation: Operation): OperationView {
    const current = entries.get(operation.id)?.operation
    return structuredClone(current ?? { ...operation, progress: null, cancellable: false })
  }
}
