import type { Actor } from '../core/actor.ts'
import { ApiError, OperatorError } from '../core/errors.ts'
import { escapeText, redactTokens } from '../core/log.ts'
import { addressPrefix } from '../core/network.ts'
import {
  type AuditEntry,
  type AuditFilter,
  type AuditRecord,
  type AuditResult,
  createAuditStore,
} from '../store/audit.ts'
import type { Verification } from './chain.ts'
import { type ChainOptions, openChain } from './open-chain.ts'
import { createWriteBuffer } from './write-buffer.ts'

const MAX_RECORDS = 500_000
const PRUNE_INTERVAL = 1_000
const MAX_TEXT_LENGTH = 100
/** Replaces usernames that do not exist. */
const UNKNOWN_NAME = '?'
const DEFAULT_FILTER: AuditFilter = {
  after: 0,
  before: Number.MAX_SAFE_INTEGER,
  since: 0,
  user: '',
  action: '',
  target: '',
  limit: 100,
}

/** Started work outside the database. */
export interface PendingRecord {
  id: string
  actor: Actor
  /** Milliseconds since 1970. */
  time: number
}

/** A record, or a denial that is still being aggregated and has no number yet. */
export type ListedEntry = AuditEntry & { number: number | null }

export type Audit = Awaited<ReturnType<typeof openAudit>>

/**
 * Opens the audit log of a data directory.
 * @throws OperatorError as `openChain`
 */
export async function openAudit(
  deps: ChainOptions & {
    isUser: (username: string) => boolean
  },
) {
  const { db, now, isUser } = deps
  const store = createAuditStore(db)
  const chain = await openChain(store, deps)
  const buffer = createWriteBuffer({ db, store, chain, now, append })
  /** Errors that already have a record. */
  const recordedErrors = new WeakSet<object>()

  return {
    /** Adds a record in the transaction of the recorded change. Runs inside `database.write`. */
    record,

    /**
     * Stores that work outside the database has started. If the process ends before the work does, the next process
     * records it as interrupted. Runs inside `database.write`.
     */
    recordStart(actor: Actor, target: string): PendingRecord {
      const id = crypto.randomUUID()
      const entry = { time: now(), ...sanitize(actor, target) }
      store.insertPending(id, chain.authenticate(entry))
      return { id, actor, time: entry.time }
    },

    /**
     * Records the end of the work. Runs inside `database.write`.
     * @param target may be known only now
     * @param error as sent to the caller; undefined for success
     */
    recordEnd({ id, actor, time }: PendingRecord, target: string, error?: unknown): void {
      if (error instanceof Error) recordedErrors.add(error)
      store.removePending(id)
      const result = error === undefined ? 'ok' : resultOf(error)
      append({ time, ...sanitize(actor, target), result, errorId: errorIdOf(error), count: 1 })
    },

    defer: buffer.defer,
    writeOrDefer: buffer.writeOrDefer,

    /**
     * Aggregates a denial in memory. It is stored within a second, and becomes a record after about a minute.
     * @param error as sent to the caller; ignored if it already has a record
     * @param isAuthenticated whether the actor's user is authenticated
     */
    recordDenial(actor: Actor, target: string, error: ApiError, isAuthenticated: boolean): void {
      if (recordedErrors.has(error)) return
      const address = addressPrefix(actor.address)
      // An unknown name may be a code that was entered in the wrong field.
      const redactName = (name: string) => (isAuthenticated || name === '' || isKnownUser(name) ? name : UNKNOWN_NAME)
      const entry = sanitize({ ...actor, address, user: redactName(actor.user) }, redactName(target), isKnownUser)
      buffer.addDenial({ time: now(), ...entry, errorId: error.errorId, count: 1 }, !isAuthenticated)
    },

    /** Records a failed command on the host. */
    async recordFailure(actor: Actor, target: string, error: unknown): Promise<void> {
      // The command reports its error even if that cannot be recorded.
      await db.write(() => record(actor, target, resultOf(error), errorIdOf(error))).catch(() => undefined)
    },

    /** Records the work that an earlier process left unfinished. The caller holds the serve lock. */
    async recordInterrupted(): Promise<void> {
      await db.write(() => {
        for (const pending of store.takePending()) {
          const { mac: _, ...entry } = pending
          const auditEntry = chain.isAuthentic(pending) ? entry : chain.forgedEntry(now())
          append({ result: 'interrupted', errorId: null, count: 1, ...auditEntry })
        }
      })
    },

    flush: buffer.flush,

    /**
     * Newest first. Denials that are still being aggregated come first, without a number; those of the last second are
     * missing while the store is not writable.
     */
    async list(filter: Partial<AuditFilter>): Promise<ListedEntry[]> {
      await buffer.flush().catch(error => {
        if (!(error instanceof ApiError)) throw error
      })
      const fullFilter = { ...DEFAULT_FILTER, ...filter }
      const isFirstPage = filter.before === undefined && filter.after === undefined
      const denials = isFirstPage ? buffer.listDenials(fullFilter) : []
      const entries = [...denials.map(denial => ({ ...denial, number: null })), ...store.list(fullFilter)]
      return entries.slice(0, fullFilter.limit)
    },

    /** Only records, no denials that are still being aggregated. */
    records: (filter: Partial<AuditFilter>): AuditRecord[] => store.list({ ...DEFAULT_FILTER, ...filter }),

    verify: (): Verification => db.sql.transaction(() => chain.verify()).deferred(),

    close: buffer.close,
  }

  function record(actor: Actor, target: string, result: AuditResult = 'ok', errorId: number | null = null): void {
    append({ time: now(), ...sanitize(actor, target), result, errorId, count: 1 })
  }

  function append(entry: AuditEntry): void {
    const { number } = chain.append(entry)
    if (number % PRUNE_INTERVAL === 0) chain.pruneUpTo(number - MAX_RECORDS)
  }

  /** False if the store cannot be read: the caller gets its denial in any case. */
  function isKnownUser(name: string): boolean {
    try {
      return isUser(name)
    } catch {
      return false
    }
  }

  /** Escapes control characters, so that no text can forge a record or control a terminal. */
  function sanitize(
    { user, address, action }: Actor,
    target: string,
    isName: (text: string) => boolean = isUser,
  ): Actor & { target: string } {
    const sanitizeText = (text: string) =>
      escapeText((isName(text) ? text : redactTokens(text)).slice(0, MAX_TEXT_LENGTH))
    return { user: sanitizeText(user), address: sanitizeText(address), action, target: sanitizeText(target) }
  }
}

/** `refused` for faults of the caller, `failed` for our own. */
function resultOf(error: unknown): AuditResult {
  const isDenied = error instanceof ApiError ? error.status < 500 : error instanceof OperatorError
  return isDenied ? 'refused' : 'failed'
}

function errorIdOf(error: unknown): number | null {
  return error instanceof ApiError ? error.errorId : null
}
