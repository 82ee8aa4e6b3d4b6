import type { Actor } from '../core/actor.ts'
import { ApiError, OperatorError } from '../core/errors.ts'
import { escapeText, redactTokens } from '../core/log.ts'
import { addressPrefix } from '../core/network.ts'
import {
  type AuditEntry,
  type AuditFilter,
  type AuditRecord,
  type AuditResult,
  type Authenticated,
  createAuditStore,
  type PendingDenial,
} from '../store/audit.ts'
import type { Verification } from './chain.ts'
import { createDenialAggregator, WILDCARD } from './denial-aggregator.ts'
import { type ChainOptions, openChain } from './open-chain.ts'

/** A refusal is counted up with others of its kind for this long before it becomes a record. */
const AGGREGATION_MS = 60_000
/** What was refused is in the store after this time at the latest. */
const FLUSH_DELAY_MS = 1_000
const MAX_RECORDS = 500_000
const PRUNE_INTERVAL = 1_000
const MAX_TEXT_LENGTH = 100
/** In the place of a name that nobody has. */
const UNKNOWN_NAME = '?'
const NO_LIMIT = Number.MAX_SAFE_INTEGER
/** A list that nobody narrowed down. */
const DEFAULT_FILTER: AuditFilter = {
  after: 0,
  before: NO_LIMIT,
  since: 0,
  user: '',
  action: '',
  target: '',
  limit: 100,
}

/** Work outside of the database that has begun. */
export interface PendingRecord {
  id: string
  actor: Actor
  /** Milliseconds since 1970. */
  time: number
}

/** A record, or what will be one; then it has no number yet. */
export type ListedEntry = AuditEntry & { number: number | null }

export type Audit = Awaited<ReturnType<typeof openAudit>>

/**
 * The audit of this data directory.
 * @throws OperatorError as `openChain`
 */
export async function openAudit(
  deps: ChainOptions & {
    /** Whether somebody has this name. */
    isUser: (username: string) => boolean
  },
) {
  const { db, now, isUser } = deps
  const store = createAuditStore(db)
  const chain = await openChain(store, deps)
  const denials = createDenialAggregator(store, chain)
  /** Errors that a record tells of already. */
  const recordedErrors = new WeakSet<object>()
  /** What is to be written as soon as the store can be written again. */
  let deferredWrites: { write: () => void; onStored: () => void }[] = []
  let flushTimer: ReturnType<typeof setTimeout> | undefined

  return {
    /** Records something in the transaction that does it: both count, or neither does. Runs inside `database.write`. */
    record,

    /**
     * Notes that work outside of the database begins: when this program ends in the middle of it, the next one tells of
     * that. Runs inside `database.write`.
     */
    recordStart(actor: Actor, target: string): PendingRecord {
      const id = crypto.randomUUID()
      const entry = { time: now(), ...sanitize(actor, target) }
      store.insertPending(id, chain.authenticate(entry))
      return { id, actor, time: entry.time }
    },

    /**
     * Records that the work has ended. Runs inside `database.write`.
     * @param target what it turned out to concern
     * @param error what the caller is told; undefined for work that is done
     */
    recordEnd({ id, actor, time }: PendingRecord, target: string, error?: unknown): void {
      if (error instanceof Error) recordedErrors.add(error)
      store.removePending(id)
      const result = error === undefined ? 'ok' : resultOf(error)
      append({ time, ...sanitize(actor, target), result, errorId: errorIdOf(error), count: 1 })
    },

    /**
     * Writes as soon as the store can be written again: what is done is not undone because it cannot be recorded.
     * @param write may be called again, as the work of `database.write`
     * @param onStored called when that is durable
     */
    defer: (write: () => void, onStored: () => void): void => void deferredWrites.push({ write, onStored }),

    /**
     * Counts a refusal up, in memory: it is stored within a second, and a record within a minute or so.
     * @param error what the caller was told; one that a record tells of already is left alone
     * @param isAuthenticated whether the user of the act proved to be that user
     */
    recordDenial(actor: Actor, target: string, error: ApiError, isAuthenticated: boolean): void {
      if (recordedErrors.has(error)) return
      const address = addressPrefix(actor.address)
      // Codes are typed into the field of the name by mistake: a name that nobody has is not written down.
      const redactName = (name: string) => (isAuthenticated || name === '' || isKnownUser(name) ? name : UNKNOWN_NAME)
      const entry = sanitize({ ...actor, address, user: redactName(actor.user) }, redactName(target), isKnownUser)
      denials.add({ time: now(), ...entry, errorId: error.errorId, count: 1 }, !isAuthenticated)
      flushTimer ??= setTimeout(() => {
        flushTimer = undefined
        // Tried again with the next refusal, or at the next housekeeping.
        flush().catch(() => undefined)
      }, FLUSH_DELAY_MS)
      flushTimer.unref()
    },

    /** Records a command on the host that came to nothing. */
    async recordFailure(actor: Actor, target: string, error: unknown): Promise<void> {
      // What went wrong is told to who gave the command, whether it can be recorded or not.
      await db.write(() => record(actor, target, resultOf(error), errorIdOf(error))).catch(() => undefined)
    },

    /** Records what an earlier process was at when it ended. For who holds the serve lock. */
    async recordInterrupted(): Promise<void> {
      await db.write(() => {
        for (const pending of store.takePending()) {
          const { mac: _, ...entry } = pending
          const auditEntry = chain.isAuthentic(pending) ? entry : chain.forgedEntry(now())
          append({ result: 'interrupted', errorId: null, count: 1, ...auditEntry })
        }
      })
    },

    flush,

    /**
     * Newest first. The refusals that are still counted up come before the records, without a number; those of the last
     * second are missing while the store cannot be written.
     */
    async list(filter: Partial<AuditFilter>): Promise<ListedEntry[]> {
      await flush().catch(error => {
        if (!(error instanceof ApiError)) throw error
      })
      const fullFilter = { ...DEFAULT_FILTER, ...filter }
      const pendingDenials =
        filter.before === undefined && filter.after === undefined ? listPendingDenials(fullFilter) : []
      return [...pendingDenials, ...store.list(fullFilter)].slice(0, fullFilter.limit)
    },

    /** The records alone. */
    records: (filter: Partial<AuditFilter>): AuditRecord[] => store.list({ ...DEFAULT_FILTER, ...filter }),

    verify: (): Verification => db.sql.transaction(() => chain.verify()).deferred(),

    async close(): Promise<void> {
      clearTimeout(flushTimer)
      await flush().catch(() => undefined)
    },
  }

  function listPendingDenials({ since, user, action, target }: AuditFilter): ListedEntry[] {
    const matches = (entry: AuditEntry) =>
      entry.time >= since &&
      (user === '' || entry.user === user || entry.user === WILDCARD) &&
      (action === '' || entry.action === WILDCARD || `${entry.action}.`.startsWith(`${action}.`)) &&
      (target === '' || entry.target === target || entry.target === WILDCARD)
    const pending = store.denialsUntil(NO_LIMIT).reverse()
    return pending.map(denial => ({ ...toEntry(denial), number: null })).filter(matches)
  }

  function record(actor: Actor, target: string, result: AuditResult = 'ok', errorId: number | null = null): void {
    append({ time: now(), ...sanitize(actor, target), result, errorId, count: 1 })
  }

  function append(entry: AuditEntry): void {
    const { number } = chain.append(entry)
    if (number % PRUNE_INTERVAL === 0) chain.pruneUpTo(number - MAX_RECORDS)
  }

  /**
   * Stores what is noted in memory only, and makes records of the refusals that were counted up for long enough.
   * @throws ApiError 922 when the store cannot be written; then nothing is forgotten
   */
  async function flush(aggregationMs: number = AGGREGATION_MS): Promise<void> {
    if (deferredWrites.length === 0 && denials.isEmpty()) return
    const writes = deferredWrites
    const drained = denials.drain()
    deferredWrites = []
    try {
      await db.write(() => {
        for (const { write } of writes) write()
        recordClosedDenials(AGGREGATION_MS)
        for (const [key, denial] of drained) denials.persist(key, denial, now())
        recordClosedDenials(aggregationMs)
      })
    } catch (error) {
      deferredWrites = [...writes, ...deferredWrites]
      denials.restore(drained)
      throw error
    }
    for (const { onStored } of writes) onStored()
  }

  function toEntry({ mac, ...denial }: Authenticated<PendingDenial>): AuditEntry {
    return chain.isAuthentic({ ...denial, mac }) ? { ...denial, result: 'refused' } : chain.forgedEntry(now())
  }

  function recordClosedDenials(aggregationMs: number): void {
    const cutoff = now() - aggregationMs
    for (const denial of store.denialsUntil(cutoff)) append(toEntry(denial))
    store.removeDenialsUntil(cutoff)
  }

  /** The same of a store that cannot be read: a refusal is told to its caller whatever comes of noting it. */
  function isKnownUser(name: string): boolean {
    try {
      return isUser(name)
    } catch {
      return false
    }
  }

  /** Nothing in a record can forge another one, or a terminal's command. */
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

/** Refused is what was asked wrongly, failed what we could not do. */
function resultOf(error: unknown): AuditResult {
  const isDenied = error instanceof ApiError ? error.status < 500 : error instanceof OperatorError
  return isDenied ? 'refused' : 'failed'
}

function errorIdOf(error: unknown): number | null {
  return error instanceof ApiError ? error.errorId : null
}
