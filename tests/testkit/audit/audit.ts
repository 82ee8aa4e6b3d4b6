import { join } from 'node:path'
import { type Audit, openAudit } from '../../../src/audit/service.ts'
import type { Actor } from '../../../src/core/actor.ts'
import type { Database } from '../../../src/store/database.ts'
import type { TestApi } from '../api/test-api.ts'
import { createTestStore } from '../store/test-store.ts'

/** Opens the audit log of a store, without the layers above. */
export function openTestAudit(
  { db, dataDir }: { db: Database; dataDir: string },
  overrides: Partial<Parameters<typeof openAudit>[0]> = {},
) {
  return openAudit({
    db,
    dataDir,
    encryptionKeyFile: join(dataDir, 'sealing.key'),
    isFirstStart: false,
    now: () => 1_000,
    random: size => crypto.getRandomValues(new Uint8Array(size)),
    isUser: () => true,
    ...overrides,
  })
}

/** A record as the API returns it. */
interface AuditRecordBody {
  id: number | null
  time: string
  user: string
  address: string
  action: string
  target: string
  result: string
  error_id: number | null
  count: number
}

/** The audit log as the owner reads it, oldest first. */
export async function readAudit(api: TestApi, token: string, query = ''): Promise<AuditRecordBody[]> {
  const { status, body } = await api.call('GET', `/audit/list${query}`, { token })
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return (body as AuditRecordBody[]).toReversed()
}

/** `user action target result error count`, without missing parts. */
export function formatRecord({ user, action, target, result, error_id, count }: AuditRecordBody): string {
  return [user || '-', action, target || '-', result, error_id, count > 1 ? `x${count}` : null]
    .filter(word => word !== null)
    .join(' ')
}

/** An audit log with a manual clock. */
export async function createTestAudit() {
  const store = createTestStore()
  const clock = { time: 1_000_000 }
  return {
    audit: await openTestAudit(store, { now: () => clock.time }),
    clock,
    db: store.db,
    /** Oldest first, without the start record of the chain. */
    records(filter = {}) {
      const records = this.audit.records({ limit: 1_000, ...filter })
      return records.toReversed().filter(({ action }) => action !== 'audit.begin')
    },
    async [Symbol.asyncDispose]() {
      await this.audit.close()
      store[Symbol.dispose]()
    },
  }
}

/** Runs work and records it as operations do. */
export async function runAudited(
  { audit, db }: { audit: Audit; db: Database },
  actor: Actor,
  target: string,
  work: () => Promise<void>,
): Promise<void> {
  const pendingRecord = await db.write(() => audit.recordStart(actor, target))
  await work()
  await audit.writeOrDefer(() => audit.recordEnd(pendingRecord, target))
}
