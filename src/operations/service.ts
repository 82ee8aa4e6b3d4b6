import type { Act, Audit } from '../audit/service.ts'
import { ApiError, errorNameOf } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Database } from '../store/database.ts'
import type { Claim, Operation, OperationFilter, OperationStore } from '../store/operations.ts'
import { createRunner, type Handle, keep, type PresentOperation } from './running.ts'

const KEPT_MS = 7 * 86_400_000
/** Against those who ask without end: some 50 MB. */
const MOST_KEPT = 100_000
/** That have not ended: more than 99 droplets and who waits for them come to in earnest. */
const MOST_OPEN = 500
const RETRY_AFTER_SECONDS = 10

/** What is asked for. */
export interface Order extends Pick<Operation, 'kind' | 'droplet' | 'dropletId'> {
  act: Act
  claim: Claim | undefined
  /** Whether it can be undone once it has begun. */
  undoable: boolean
  /** Must undo what it did before it throws. */
  work: (handle: Handle) => Promise<void>
}

export type Operations = ReturnType<typeof createOperations>

/**
 * Changes that take a while. Each is in the store before it begins and for 7 days after its end, and tells what it is at.
 * It runs to its end whether or not somebody waits for it.
 */
export function createOperations(deps: {
  db: Database
  store: OperationStore
  audit: Pick<Audit, 'begin' | 'end' | 'later' | 'record'>
  now: () => number
  log: Log
}) {
  const { db, store, audit, now } = deps
  const running = new Map(
    store.open().map(operation => [operation.id, keep(operation, { undoable: false, cancellable: false })]),
  )
  const runner = createRunner({ ...deps, stored: id => void running.delete(id) })
  /** Accepted, and not in the store yet. */
  let beginning = 0
  let isClosed = false

  return {
    /**
     * Begins an operation; it is durable when this resolves.
     * @returns the earlier one for a key that was used for the same already
     * @throws ApiError 922 when it cannot be stored, 934 when too many wait already, and then nothing is begun; 930
     */
    async start(order: Order): Promise<PresentOperation> {
      const { act, claim, kind, droplet, dropletId, undoable } = order
      if (running.size + beginning >= MOST_OPEN)
        throw new ApiError('tooManyOperations', { retryAfterSeconds: RETRY_AFTER_SECONDS })
      const operation: Operation = {
        ...{ id: crypto.randomUUID(), kind, droplet, dropletId, ...act, state: 'queued' },
        ...{ createdAt: now(), startedAt: null, endedAt: null, steps: [], error: null },
      }
      const one = keep(operation, { undoable, cancellable: true })
      beginning += 1
      try {
        const earlier = await db.write(() => {
          const known = claim && find(claim)
          if (known) return known
          store.insert(operation, claim)
          one.begun = audit.begin(act, droplet ?? '')
          return undefined
        })
        if (earlier) return earlier
        running.set(operation.id, one)
      } finally {
        beginning -= 1
      }
      runner.run(one, order.work)
      return toPresent(operation)
    },

    /** What an earlier process left open, oldest first. */
    leftOpen: (): Operation[] => [...running.values()].flatMap(({ operation, begun }) => (begun ? [] : [operation])),

    /**
     * Goes on with one that an earlier process left open.
     * @param work does what is still to be done, or undoes it
     * @param postponable whether the next process may as well do that: then nobody waits for it when this one ends
     * @throws ApiError 922 when the store cannot be written; then nothing is begun
     */
    async resume(id: string, work: (handle: Handle) => Promise<void>, postponable: boolean): Promise<void> {
      const one = running.get(id)
      if (!one || one.begun) throw new Error('Only what was left open can be resumed')
      one.postponable = postponable
      const { user, address, action, droplet } = one.operation
      one.begun = await db.write(() => audit.begin({ user, address, action }, droplet ?? ''))
      runner.run(one, work)
    },

    /**
     * The operation that this key was used for already.
     * @throws ApiError 930 when it was used for something else
     */
    find,

    /** @throws ApiError 929 */
    show,

    /** Newest first. */
    list(filter: Partial<Omit<OperationFilter, 'also'>>): PresentOperation[] {
      const present = [...running.values()].filter(({ operation }) => operation.droplet === filter.droplet)
      const also = present.map(({ operation }) => operation.id)
      return store.list({ before: '', droplet: '', limit: 100, ...filter, also }).map(toPresent)
    },

    /**
     * Resolves at the end of the operation.
     * @throws ApiError as the operation failed, 929
     */
    async outcome(id: string): Promise<void> {
      const present = running.get(id)
      if (present) return await present.end.promise
      const { error, state } = show(id)
      if (error) throw new ApiError(errorNameOf(error.id), { text: error.text })
      if (state === 'cancelled') throw new ApiError('operationCancelled')
    },

    /**
     * Resolves at the end of the operation, after that time, or when `signal` is aborted, whichever comes first.
     * @throws ApiError 929
     */
    async wait(id: string, ms: number, signal?: AbortSignal): Promise<PresentOperation> {
      const present = running.get(id)
      if (!present || ms === 0 || present.operation.endedAt !== null || isClosed || signal?.aborted) return show(id)
      // Not a race of promises: one that lasts would keep hold of all who ever waited for it.
      const over = Promise.withResolvers<void>()
      const wake = () => over.resolve()
      const timer = setTimeout(wake, ms)
      signal?.addEventListener('abort', wake, { once: true })
      present.waiting.add(wake)
      await over.promise
      present.waiting.delete(wake)
      clearTimeout(timer)
      return toPresent(present.operation)
    },

    /**
     * Undoes an operation, and resolves when that is done. The audit tells who wanted it together with its end.
     * @throws ApiError 929; 931 when it is too late
     */
    async cancel(act: Act, id: string): Promise<PresentOperation> {
      const present = running.get(id)
      if (present?.operation.cancellable) {
        present.canceller = act
        present.abort.abort(new ApiError('operationCancelled'))
        runner.change(present, { cancellable: false })
        // One that waits for its turn has done nothing: it need not wait for that.
        if (present.operation.state === 'queued') await runner.conclude(present, new ApiError('operationCancelled'))
      }
      // Who asks a second time waits for the same end.
      if (present?.abort.signal.aborted) await present.end.promise.catch(() => undefined)
      const operation = show(id)
      if (operation.state !== 'cancelled') throw new ApiError('operationNotCancellable')
      return operation
    },

    watch: runner.watch,

    /** Resolves when none is under way that could not be left to the next process. */
    async idle(): Promise<void> {
      const underWay = () =>
        [...running.values()].filter(({ operation, postponable }) => operation.endedAt === null && !postponable)
      while (underWay().length > 0) await Promise.allSettled(underWay().map(({ end }) => end.promise))
    },

    /** Forgets those that ended long ago. Runs inside `database.write`. */
    removeOld(): void {
      store.removeEndedBefore(now() - KEPT_MS)
      store.keepNewest(MOST_KEPT)
    },

    /** Lets go who waits; what is still open stays so in the store. */
    close(): void {
      isClosed = true
      runner.close()
      for (const { waiting } of running.values()) for (const wake of waiting) wake()
    },
  }

  function find(claim: Claim): PresentOperation | undefined {
    const earlier = store.findByKey(claim.userId, claim.key)
    if (!earlier) return undefined
    if (!Buffer.from(earlier.fingerprint).equals(claim.fingerprint)) throw new ApiError('keyReused')
    return toPresent(earlier.operation)
  }

  function show(id: string): PresentOperation {
    const operation = running.get(id)?.operation ?? store.find(id)
    if (!operation) throw new ApiError('operationNotFound')
    return toPresent(operation)
  }

  function toPresent(operation: Operation): PresentOperation {
    const present = running.get(operation.id)?.operation
    return structuredClone(present ?? { ...operation, progress: null, cancellable: false })
  }
}
