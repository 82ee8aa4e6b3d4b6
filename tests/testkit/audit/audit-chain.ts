import { join } from 'node:path'
import type { AuditEntry } from '../../../src/store/audit.ts'
import { createTestStore } from '../store/test-store.ts'
import { openTestAudit } from './audit.ts'

export function auditEntry(number: number): AuditEntry {
  const recorded = { user: `user${number}`, address: '192.0.2.1', action: 'droplet.stop', target: 'cikit01' }
  return { time: number, ...recorded, result: 'ok', errorId: null, count: 1 }
}

/** A chain of ten records after its start record, and write access to the database without the key. */
export async function createAuditChain() {
  const store = createTestStore()
  const openAudit = (overrides: Parameters<typeof openTestAudit>[1] = {}) => openTestAudit(store, overrides)
  const audit = await openAudit()
  await store.db.write(() => {
    for (let number = 2; number <= 11; number++) audit.record({ ...auditEntry(number) }, 'cikit01')
  })
  return {
    ...store,
    audit,
    openAudit,
    keyFile: join(store.dataDir, 'audit.key'),
    /** Runs SQL while the protecting triggers are dropped. */
    tamper(sql: string) {
      const triggerQuery = store.db.sql.query<{ name: string; sql: string }, []>(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'",
      )
      const triggers = triggerQuery.all()
      for (const { name } of triggers) store.db.sql.run(`DROP TRIGGER ${name}`)
      store.db.sql.run(sql)
      for (const trigger of triggers) store.db.sql.run(trigger.sql)
    },
    findings: () => audit.verify().findings,
  }
}
