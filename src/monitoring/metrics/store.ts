import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { AuditRecord } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'

/** Seconds: a commit waits for the disk, and a queued write for several commits. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const WRITE_RESULTS = ['stored', 'failed', 'withdrawn'] as const

export interface StoreMetricSources {
  db: Pick<Database, 'watchWrites' | 'waitingWrites'>
  serverHealth: { check: () => { store: string } }
  audit: { records: (filter: { limit: number }) => Pick<AuditRecord, 'number'>[] }
  countLocks: () => Record<'address' | 'login' | 'recovery', number>
}

/** The store, the audit log and locks. @returns unsubscribes */
export function registerStoreMetrics(
  registers: Registry[],
  { db, serverHealth, audit, countLocks }: StoreMetricSources,
): () => void {
  const duration = new Histogram({
    name: 'cikit_api_store_write_duration_seconds',
    help: 'Time from requesting a write until it is durable.',
    buckets: BUCKETS,
    registers,
  })
  const writes = new Counter({
    name: 'cikit_api_store_writes_total',
    help: 'Writes to the store by result: stored, failed (by the store) or withdrawn (by the work itself).',
    labelNames: ['result'],
    registers,
  })
  for (const result of WRITE_RESULTS) writes.inc({ result }, 0)
  new Gauge({
    name: 'cikit_api_store_writes_waiting',
    help: 'Queued writes.',
    registers,
    collect() {
      this.set(db.waitingWrites())
    },
  })
  new Gauge({
    name: 'cikit_api_store_writable',
    help: '1 unless the last write failed or the store cannot be read.',
    registers,
    collect() {
      this.set(serverHealth.check().store === 'ok' ? 1 : 0)
    },
  })
  new Counter({
    name: 'cikit_api_audit_records_total',
    help: 'Records ever written to the audit log.',
    registers,
    collect() {
      const [newest] = readOrUndefined(() => audit.records({ limit: 1 })) ?? []
      this.reset()
      if (newest) this.inc(newest.number)
    },
  })
  new Gauge({
    name: 'cikit_api_locks',
    help: 'Active locks on addresses, logins and recovery codes.',
    labelNames: ['on'],
    registers,
    collect() {
      this.reset()
      for (const [on, count] of Object.entries(readOrUndefined(countLocks) ?? {})) this.set({ on }, count)
    },
  })

  return db.watchWrites(({ outcome: result, ms }) => {
    writes.inc({ result })
    if (result === 'stored') duration.observe(ms / 1000)
  })
}

/** An unreadable store must not break the other metrics. */
function readOrUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
