import { describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { openTestAudit } from '../testkit/audit/audit.ts'
import { createAuditChain } from '../testkit/audit/audit-chain.ts'
import { createTestStore } from '../testkit/store/test-store.ts'

describe('the key', () => {
  test('is 0600 and the same at every start', async () => {
    using host = await createAuditChain()
    const before = await Bun.file(host.keyFile).text()
    expect(before).toMatch(/^[0-9a-f]{64}\n$/)
    expect((await Bun.file(host.keyFile).stat()).mode & 0o777).toBe(0o600)
    await host.openAudit()
    expect(await Bun.file(host.keyFile).text()).toBe(before)
  })

  test('that is missing or wrong stops the start and is named', async () => {
    using host = await createAuditChain()
    writeFileSync(host.keyFile, `${'0'.repeat(64)}\n`)
    await expect(host.openAudit()).rejects.toThrow(`The audit log does not match its key ${host.keyFile}`)
    rmSync(host.keyFile)
    await expect(host.openAudit()).rejects.toThrow(`The key file ${host.keyFile} is missing`)
  })

  test('that is lost can be replaced; a new chain starts after the existing records', async () => {
    using host = await createAuditChain()
    rmSync(host.keyFile)
    const restarted = await host.openAudit({ restart: { by: 'host:root' } })
    expect(restarted.verify()).toMatchObject({ records: 1, earlier: 11, newest: 12, findings: [] })
    expect((await restarted.list({})).map(({ action, user }) => [action, user])[0]).toEqual([
      'audit.begin',
      'host:root',
    ])
    expect(await restarted.list({})).toHaveLength(12)
    await host.openAudit()
  })

  test('that exists is never replaced', async () => {
    using host = await createAuditChain()
    const before = await Bun.file(host.keyFile).text()
    await host.openAudit({ restart: { by: 'host:root' } })
    expect(await Bun.file(host.keyFile).text()).toBe(before)
    expect(host.audit.verify()).toMatchObject({ records: 11 })
  })
})

test('an emptied log is not mistaken for a new one', async () => {
  using host = await createAuditChain()
  host.tamper('DELETE FROM audit')
  host.tamper('DELETE FROM audit_chain_ends')
  await expect(host.openAudit()).rejects.toThrow('or was tampered with')
})

test('continues a first start that was killed between key and first record', async () => {
  using host = await createAuditChain()
  host.tamper('DELETE FROM audit')
  host.tamper('DELETE FROM audit_chain_ends')
  const audit = await host.openAudit({ isFirstStart: true })
  expect(audit.verify()).toMatchObject({ records: 1, findings: [] })
})

test('one of several starting processes starts the chain', async () => {
  using store = createTestStore()
  const [audit] = await Promise.all(Array.from({ length: 10 }, () => openTestAudit(store, { isFirstStart: true })))
  expect(audit?.verify()).toMatchObject({ records: 1, newest: 1, findings: [] })
})

test('records without chain ends are not mistaken for a new log', async () => {
  using host = await createAuditChain()
  host.tamper('DELETE FROM audit_chain_ends')
  await expect(host.openAudit({ isFirstStart: true })).rejects.toThrow('or was tampered with')
})
