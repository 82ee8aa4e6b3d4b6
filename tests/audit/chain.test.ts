import { describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { createChain } from '../../src/audit/chain.ts'
import { Secret } from '../../src/core/secret.ts'
import { createAuditStore } from '../../src/store/audit.ts'
import { auditEntry, createAuditChain } from '../testkit/audit/audit-chain.ts'

test('an intact chain has no findings', async () => {
  using host = await createAuditChain()
  const mac = Buffer.from(createAuditStore(host.db).newest()?.mac ?? []).toString('hex')
  expect(mac).toMatch(/^[0-9a-f]{64}$/)
  expect(host.audit.verify()).toEqual({ records: 11, earlier: 0, newest: 11, mac, findings: [] })
})

test('verifies a chain longer than one batch', async () => {
  using host = await createAuditChain()
  await host.db.write(() => {
    for (let number = 12; number <= 2_500; number++) host.audit.record(auditEntry(number), 'cikit01')
  })
  expect(host.audit.verify()).toMatchObject({ records: 2_500, newest: 2_500, findings: [] })
  host.tamper("UPDATE audit SET user = 'eve' WHERE number = 2400")
  expect(host.findings()).toEqual(['Record 2400 was changed or moved'])
})

describe('tampering without the key:', () => {
  test.each([
    ['changing a user', "UPDATE audit SET user = 'eve' WHERE number = 5", ['Record 5 was changed or moved']],
    ['changing a time', 'UPDATE audit SET time = time + 1 WHERE number = 5', ['Record 5 was changed or moved']],
    ['changing an address', "UPDATE audit SET address = 'host' WHERE number = 5", ['Record 5 was changed or moved']],
    ['changing an action', "UPDATE audit SET action = 'user.add' WHERE number = 5", ['Record 5 was changed or moved']],
    ['changing a target', "UPDATE audit SET target = 'eve' WHERE number = 5", ['Record 5 was changed or moved']],
    ['changing an error', 'UPDATE audit SET error_id = 900 WHERE number = 5', ['Record 5 was changed or moved']],
    ['changing a count', 'UPDATE audit SET count = 2 WHERE number = 11', ['Record 11 was changed or moved']],
    ['changing a result', "UPDATE audit SET result = 'refused' WHERE number = 2", ['Record 2 was changed or moved']],
    ['removing a record', 'DELETE FROM audit WHERE number = 5', ['Record 5 is missing']],
    ['removing several records', 'DELETE FROM audit WHERE number BETWEEN 5 AND 7', ['Records 5 to 7 are missing']],
    ['removing the first record', 'DELETE FROM audit WHERE number = 1', ['Record 1 is missing']],
    ['truncating the log', 'DELETE FROM audit WHERE number > 8', ['Records 9 to 11 are missing at the end']],
    [
      'adding a record',
      'INSERT INTO audit SELECT 12, time, user, address, action, target, result, error_id, count, mac FROM audit WHERE number = 11',
      ['Record 12 was changed or moved', 'Record 12 is not written by cikit-api'],
    ],
    ['removing all records', 'DELETE FROM audit', ['Records 1 to 11 are missing at the end']],
    ['removing the head', "DELETE FROM audit_chain_ends WHERE name = 'head'", ['The head of the chain was changed']],
    [
      'moving the head',
      "UPDATE audit_chain_ends SET number = 8 WHERE name = 'head'",
      ['The head of the chain was changed'],
    ],
    [
      'changing the MAC of the head',
      "UPDATE audit_chain_ends SET mac = (SELECT mac FROM audit WHERE number = 8) WHERE name = 'head'",
      ['The head of the chain was changed'],
    ],
    [
      'moving the start',
      "UPDATE audit_chain_ends SET number = 3, mac = (SELECT mac FROM audit WHERE number = 3) WHERE name = 'start'",
      ['The start of the chain was changed', '3 records before the start were not written by cikit-api'],
    ],
  ])('%s is detected', async (_, sql, findings) => {
    using host = await createAuditChain()
    host.tamper(sql)
    expect(host.findings()).toEqual(findings)
  })

  test('removing all records and copying the head to the start is detected', async () => {
    using host = await createAuditChain()
    const headColumns = "SELECT number, mac, signature FROM audit_chain_ends WHERE name = 'head'"
    host.tamper(`UPDATE audit_chain_ends SET (number, mac, signature) = (${headColumns}) WHERE name = 'start'`)
    host.tamper('DELETE FROM audit')
    expect(host.findings()).toEqual(['The start of the chain was changed'])
  })

  test('restoring an earlier head is detected', async () => {
    using host = await createAuditChain()
    const store = createAuditStore(host.db)
    const earlier = store.findEnd('head')
    host.tamper('DELETE FROM audit WHERE number > 9')
    host.tamper("DELETE FROM audit_chain_ends WHERE name = 'head'")
    await host.db.write(() => host.audit.record(auditEntry(11), 'cikit01'))
    await host.db.write(() => earlier && store.saveEnd('head', earlier))
    expect(host.findings()).toEqual([
      'Record 10 reports that the head was changed: check the records before it',
      'The head of the chain does not match the last record',
    ])
  })

  test('swapping two records is detected', async () => {
    using host = await createAuditChain()
    host.tamper('UPDATE audit SET number = -1 WHERE number = 4')
    host.tamper('UPDATE audit SET number = 4 WHERE number = 7')
    host.tamper('UPDATE audit SET number = 7 WHERE number = -1')
    expect(host.findings()).toEqual([4, 5, 7, 8].map(number => `Record ${number} was changed or moved`))
  })

  test('truncating the chain and adjusting the head is detected, also after the next record', async () => {
    using host = await createAuditChain()
    host.tamper('DELETE FROM audit WHERE number > 8')
    host.tamper(
      "UPDATE audit_chain_ends SET number = 8, mac = (SELECT mac FROM audit WHERE number = 8) WHERE name = 'head'",
    )
    expect(host.findings()).toEqual(['The head of the chain was changed'])
    await host.db.write(() => host.audit.record(auditEntry(12), 'cikit01'))
    expect(host.findings()).toEqual(['Record 9 reports that the head was changed: check the records before it'])
    expect(host.audit.verify().newest).toBe(10)
  })

  test('an added record does not stop recording', async () => {
    using host = await createAuditChain()
    host.tamper("INSERT INTO audit VALUES (12, 0, 'eve', '', 'droplet.add', '', 'ok', NULL, 1, x'00')")
    await host.db.write(() => host.audit.record(auditEntry(12), 'cikit01'))
    expect(host.findings()).toHaveLength(2)
  })
})

test('a trigger rejects the change and the removal of a record', async () => {
  using host = await createAuditChain()
  expect(() => host.db.sql.run("UPDATE audit SET user = 'eve' WHERE number = 5")).toThrow('cannot be changed')
  expect(() => host.db.sql.run('DELETE FROM audit WHERE number = 5')).toThrow('can only be removed by pruning')
})

test('after pruning the remaining records are verified from the new start', async () => {
  using host = await createAuditChain()
  const store = createAuditStore(host.db)
  const key = new Secret(Uint8Array.fromHex((await Bun.file(host.keyFile).text()).trim()))
  const chain = createChain(store, key)
  await host.db.write(() => chain.pruneUpTo(6))
  expect((await host.audit.list({})).map(({ number }) => number)).toEqual([11, 10, 9, 8, 7])
  expect(host.audit.verify()).toMatchObject({ records: 5, newest: 11, findings: [] })
  await host.db.write(() => chain.pruneUpTo(3))
  expect(host.audit.verify()).toMatchObject({ records: 5, findings: [] })
  host.tamper('DELETE FROM audit WHERE number = 7')
  expect(host.findings()).toEqual(['Record 7 is missing'])
})

test('pruning does not restore records of an earlier key', async () => {
  using host = await createAuditChain()
  rmSync(host.keyFile)
  const restarted = await host.openAudit({ restart: { by: 'host:root' } })
  const key = new Secret(Uint8Array.fromHex((await Bun.file(host.keyFile).text()).trim()))
  await host.db.write(() => createChain(createAuditStore(host.db), key).pruneUpTo(5))
  expect(restarted.verify()).toMatchObject({ records: 1, newest: 12, findings: [] })
})

test('only the newest 500,000 records are retained', async () => {
  using host = await createAuditChain()
  const store = createAuditStore(host.db)
  await host.db.write(() => {
    for (let number = 12; number <= 1_005; number++) host.audit.record(auditEntry(number), 'cikit01')
  })
  const record = store.newest()
  // As if all records before it existed. Record 500,999 then reports the changed head.
  await host.db.write(() => record && store.insert({ ...record, number: 500_998 }))
  await host.db.write(() => host.audit.record(auditEntry(0), 'cikit01'))
  expect(store.newest()?.number).toBe(501_000)
  expect(store.after(0, 1)).toMatchObject([{ number: 1_001 }])
})

test('verification finds foreign and missing triggers', async () => {
  using host = await createAuditChain()
  host.db.sql.run('CREATE TRIGGER quiet BEFORE INSERT ON audit_denials BEGIN SELECT raise(IGNORE); END')
  host.db.sql.run('DROP TRIGGER audit_reject_delete')
  expect(host.findings()).toEqual([
    'A trigger that protects the records is missing',
    'A trigger was not created by cikit-api',
  ])
})

test.each([
  ['before a chain that starts with the first record', 0],
  ['before a chain that was pruned', 6],
])('records %s are detected', async (_, pruned) => {
  using host = await createAuditChain()
  const key = new Secret(Uint8Array.fromHex((await Bun.file(host.keyFile).text()).trim()))
  if (pruned > 0) await host.db.write(() => createChain(createAuditStore(host.db), key).pruneUpTo(pruned))
  host.tamper("INSERT INTO audit VALUES (-1, 0, 'eve', '', 'droplet.add', '', 'ok', NULL, 1, x'00')")
  expect(host.findings()).toEqual(['1 records before the start were not written by cikit-api'])
})
