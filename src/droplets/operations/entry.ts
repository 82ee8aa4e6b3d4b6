import type { PendingRecord } from '../../audit/service.ts'
import type { Actor } from '../../core/actor.ts'
import type { Operation } from '../../store/operations.ts'
import type { Progress } from '../engine.ts'

/** An operation and its current progress. */
export interface OperationView extends Operation {
  progress: Progress | null
  /** Whether it can still be cancelled. */
  cancellable: boolean
}

/** An operation that has not ended, or whose end is not stored yet. */
export interface OperationEntry {
  operation: OperationView
  /** Undefined for an unfinished operation of an earlier process until it is resumed. */
  pendingRecord: PendingRecord | undefined
  undoable: boolean
  /** As in `Operations.resume`. */
  postponable: boolean
  abortController: AbortController
  cancelledBy: Actor | undefined
  /** Whether its end is being stored. */
  isSettling: boolean
  /** Resolves when it is done, or rejects with its error. */
  completion: PromiseWithResolvers<void>
  /** Callbacks of the clients that wait for its end with a time limit. */
  waiters: Set<() => void>
  notifiedAt: number
}

/** An entry whose work has not started. */
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
