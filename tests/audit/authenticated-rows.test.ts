import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { createAuditChain } from '../testkit/audit/audit-chain.ts'

describe('rows that are not records yet', () => {
  const insertDenial = `INSERT INTO audit_denials (key, since, user, address, action, target, error_id, count, mac)
    VALUES ('x', 0, 'ada', '192.0.2.1', 'droplet.delete', 'cikit01', 912, 50, x'00')`
  const forgedRecord = [{ action: 'audit.forged', user: '', result: 'failed' }]

  test('written without the key become records of a forgery', async () => {
    using host = await createAuditChain()
    host.tamper(insertDenial)
    expect(await host.audit.list({ limit: 1 })).toMatchObject(forgedRecord)
    await host.audit.flush(0)
    host.tamper("INSERT INTO audit_pending VALUES ('x', 9e15, 'owner', 'host', 'droplet.delete', 'cikit42', x'00')")
    await host.audit.recordInterrupted()
    expect(await host.audit.list({ limit: 2 })).toMatchObject([...forgedRecord, ...forgedRecord])
    expect(host.findings()).toEqual([12, 13].map(number => `Record ${number} replaces a forged one`))
  })

  test('changed without the key become records of a forgery', async () => {
    using host = await createAuditChain()
    const actor = { user: 'ada', address: '192.0.2.1', action: 'user.auth' }
    host.audit.recordDenial(actor, 'ada', new ApiError('codeRefused'), false)
    await host.audit.flush()
    host.tamper("UPDATE audit_denials SET user = 'bob'")
    host.audit.recordDenial(actor, 'ada', new ApiError('codeRefused'), false)
    await host.audit.flush(0)
    expect(await host.audit.list({ limit: 2 })).toMatchObject([{ user: 'ada', count: 1 }, ...forgedRecord])
  })
})
