import { expect, test } from 'bun:test'
import { ApiError } from '../../src/errors.ts'
import { createAudit, recordedWork } from '../_support/audit.ts'

// What becomes of records while the store cannot be written.

const refused = new ApiError('codeRefused')
const login = (user: string, address: string) => ({ user, address, action: 'user.auth' })

/** What was counted up, as if a minute had passed. */
async function closed(host: Awaited<ReturnType<typeof createAudit>>) {
  await host.audit.settle(0)
  return host.told()
}

test('what was counted when the store could not be written is not forgotten', async () => {
  await using host = await createAudit()
  host.db.sql.run('PRAGMA query_only = ON')
  host.audit.refused(login('ada', '192.0.2.1'), 'ada', refused, false)
  const settling = host.audit.settle()
  host.audit.refused(login('ada', '192.0.2.1'), 'ada', refused, false)
  await expect(settling).rejects.toMatchObject({ errorId: 922 })
  host.audit.refused(login('ada', '192.0.2.1'), 'ada', refused, false)
  // The list can be read all the same.
  expect(await host.audit.list({ user: 'ada' })).toEqual([])
  host.db.sql.run('PRAGMA query_only = OFF')
  expect(await closed(host)).toMatchObject([{ count: 3 }])
})

test('what ended when the store could not be written is recorded later', async () => {
  await using host = await createAudit()
  const act = { user: 'ada', address: '192.0.2.1', action: 'droplet.stop' }
  await recordedWork(host, act, 'cikit01', async () => void host.db.sql.run('PRAGMA query_only = ON'))
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(host.audit.settle()).rejects.toMatchObject({ errorId: 922 })
  host.db.sql.run('PRAGMA query_only = OFF')
  await host.audit.settle()
  expect(host.told()).toMatchObject([{ action: 'droplet.stop', target: 'cikit01', result: 'ok' }])
  await host.audit.recordInterrupted()
  expect(host.told()).toHaveLength(1)
})
