import type { AuditEntry, AuditFilter, AuditStore, Authenticated, PendingDenial } from '../store/audit.ts'
import type { Database } from '../store/database.ts'
import type { Chain } from './chain.ts'
import { createDenialAggregator, WILDCARD } from './denial-aggregator.ts'

/** Denials of one kind are aggregated for this long. */
const AGGREGATION_MS = 60_000
/** Maximum time until a denial is stored. */
const FLUSH_DELAY_MS = 1_000

/**
 * Holds denials and deferred writes in memory until they are stored.
 * @param append adds a record to the chain
 */
export function createWriteBuffer(deps: {
  db: Pick<Database, 'write'>
  store: AuditStore
  chain: Chain
  now: () => number
  append: (entry: AuditEntry) => void
}) {
  const { db, store, chain, now, append } = deps
  const denials = createDenialAggregator(store, chain)
  /** Writes that wait until the store is writable again. */
  let deferredWrites: { write: () => void; onStored: () => void }[] = []
  let flushTimer: ReturnType<typeof setTimeout> | undefined

  return {
    defer,

    /** Writes now, or as soon as the store is writable. */
    writeOrDefer: (write: () => void): Promise<void> => db.write(write).catch(() => defer(write, () => undefined)),

    /** Aggregates a denial, and stores it within a second. */
    addDenial(denial: PendingDenial, isAnonymous: boolean): void {
      denials.add(denial, isAnonymous)
      flushTimer ??= setTimeout(() => {
        flushTimer = undefined
        // Retried with the next denial or maintenance run.
        flush().catch(() => undefined)
      }, FLUSH_DELAY_MS)
      flushTimer.unref()
    },

    flush,

    /** The stored denials that are still being aggregated, newest first. */
    listDenials({ since, user, action, target }: AuditFilter): AuditEntry[] {
      const matches = (entry: AuditEntry) =>
        entry.time >= since &&
        (user === '' || entry.user === user || entry.user === WILDCARD) &&
        (action === '' || entry.action === WILDCARD || `${entry.action}.`.startsWith(`${action}.`)) &&
        (target === '' || entry.target === target || entry.target === WILDCARD)
      return store.denialsUntil(Number.MAX_SAFE_INTEGER).reverse().map(toEntry).filter(matches)
    },

    async close(): Promise<void> {
      clearTimeout(flushTimer)
      await flush().catch(() => undefined)
    },
  }

  /**
   * Writes as soon as the store is writable: completed work is not rolled back because it cannot be recorded.
   * @param write may run again, as the work of `database.write`
   * @param onStored called after the commit
   */
  function defer(write: () => void, onStored: () => void): void {
    deferredWrites.push({ write, onStored })
  }

  /**
   * Stores the denials and writes held in memory, and turns denials older than `aggregationMs` into records.
   * @throws ApiError 922 when the store is not writable; then everything is kept for the next flush
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
}
