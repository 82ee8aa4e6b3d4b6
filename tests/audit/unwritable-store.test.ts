import { expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { createTestAudit, runAudited } from '../testkit/audit/audit.ts'

// Records while the store is not writable.

const denialError = new ApiError('codeRefused')
const loginBy = (user: string, address: string) => ({ user, address, action: 'user.auth' })

/** Writes the counted denials, as if a minute had passed. */
async function flushAll(host: Awaited<ReturnType<typeof createTestAudit>>) {
  await host.audit.flush(0)
  return host.records()
}

test('denials are kept in memory while the store is not writable', async () => {
  await using host = await createTestAudit()
  host.db.sql.run('PRAGMA query_only = ON')
  host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
  const flushing = host.audit.flush()
  host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
  await expect(flushing).rejects.toMatchObject({ errorId: 922 })
  host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
  // The list is still readable.
  expect(await host.audit.list({ user: 'ada' })).toEqual([])
  host.db.sql.run('PRAGMA query_only = OFF')
  expect(await flushAll(host)).toMatchObject([{ count: 3 }])
})

test('work that ended meanwhile is recorded later', async () => {
  await using host = await createTestAudit()
  const actor = { user: 'ada', address: '192.0.2.1', action: 'droplet.stop' }
  await runAudited(host, actor, 'cikit01', async () => void host.db.sql.run('PRAGMA query_only = ON'))
  for (let attempt = 0; attempt < 2; attempt++) await expect(host.audit.flush()).rejects.toMatchObject({ errorId: 922 })
  host.db.sql.run('PRAGMA query_only = OFF')
  await host.audit.flush()
  expect(host.records()).toMatchObject([{ action: 'droplet.stop', target: 'cikit01', result: 'ok' }])
  await host.audit.recordInterrupted()
  expect(host.records()).toHaveLength(1)
})
