import { join } from 'node:path'
import { type Act, type Audit, openAudit } from '../../src/audit/service.ts'
import type { Database } from '../../src/store/database.ts'
import type { TestApi } from './api.ts'
import { createTestStore } from './store.ts'

/** The audit of a store, without anything above it. */
export function openTestAudit(
  { db, dataDir }: { db: Database; dataDir: string },
  changed: Partial<Parameters<typeof openAudit>[0]> = {},
) {
  return openAudit({
    db,
    dataDir,
    sealingKeyFile: join(dataDir, 'sealing.key'),
    isFirstStart: false,
    now: () => 1_000,
    random: size => crypto.getRandomValues(new Uint8Array(size)),
    isUser: () => true,
    ...changed,
  })
}

/** A record as the API tells it. */
export interface Told {
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

/** The audit as the owner reads it, oldest first, without what the audit says of itself and what tests do to begin. */
export async function readAudit(api: TestApi, token: string, query = ''): Promise<Told[]> {
  const { status, body } = await api.call('GET', `/audit/list${query}`, { token })
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return (body as Told[]).toReversed()
}

/** `user action target result error count`, as far as there are any. */
export function inWords({ user, action, target, result, error_id, count }: Told): string {
  return [user || '-', action, target || '-', result, error_id, count > 1 ? `x${count}` : null]
    .filter(word => word !== null)
    .join(' ')
}

/** The audit alone, with a clock that is moved by hand. */
export async function createAudit() {
  const store = createTestStore()
  const clock = { time: 1_000_000 }
  return {
    audit: await openTestAudit(store, { now: () => clock.time }),
    clock,
    db: store.db,
    /** Oldest first, without how the chain began. */
    told(filter = {}) {
      const records = this.audit.records({ limit: 1_000, ...filter })
      return records.toReversed().filter(({ action }) => action !== 'audit.begin')
    },
    async [Symbol.asyncDispose]() {
      await this.audit.close()
      store[Symbol.dispose]()
    },
  }
}

/** Work that is recorded as operations are. */
export async function recordedWork(
  { audit, db }: { audit: Audit; db: Database },
  act: Act,
  target: string,
  work: () => Promise<void>,
): Promise<void> {
  const begun = await db.write(() => audit.begin(act, target))
  await work()
  const end = () => audit.end(begun, target)
  await db.write(end).catch(() => audit.later(end, () => undefined))
}
