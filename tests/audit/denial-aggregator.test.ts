import { afterEach, describe, expect, jest, test } from 'bun:test'
import { createChain } from '../../src/audit/chain.ts'
import { createDenialAggregator } from '../../src/audit/denial-aggregator.ts'
import { ApiError } from '../../src/core/errors.ts'
import { Secret } from '../../src/core/secret.ts'
import { createAuditStore } from '../../src/store/audit.ts'
import { createTestApi } from '../testkit/api/test-api.ts'
import { createTestAudit, formatRecord, readAudit } from '../testkit/audit/audit.ts'

const denialError = new ApiError('codeRefused')
const loginBy = (user: string, address: string) => ({ user, address, action: 'user.auth' })

/** Writes the counted denials, as if a minute had passed. */
async function flushAll(host: Awaited<ReturnType<typeof createTestAudit>>) {
  await host.audit.flush(0)
  return host.records()
}

describe('denials of anonymous callers', () => {
  test('become one record per minute and address', async () => {
    await using host = await createTestAudit()
    for (const name of ['ada', 'bob']) {
      for (let count = 0; count < 500; count++)
        host.audit.recordDenial(loginBy(name, '192.0.2.1'), name, denialError, false)
    }
    host.audit.recordDenial(
      { user: '', address: '192.0.2.1', action: 'user.list' },
      '',
      new ApiError('accessTokenUnknown'),
      false,
    )
    await host.audit.flush()
    expect(host.records()).toEqual([])
    host.clock.time += 60_000
    host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
    await host.audit.flush()
    expect(host.records()).toMatchObject([
      { time: 1_000_000, user: '*', address: '192.0.2.1', action: '*', target: '*', errorId: null, count: 1_001 },
    ])
    expect(await flushAll(host)).toMatchObject([
      { count: 1_001 },
      { time: 1_060_000, user: 'ada', action: 'user.auth', target: 'ada', errorId: 902, count: 1 },
    ])
  })

  test('from one /64 are aggregated', async () => {
    await using host = await createTestAudit()
    for (let count = 0; count < 9; count++)
      host.audit.recordDenial(loginBy('ada', `2001:db8:0:1::${count}`), 'ada', denialError, false)
    expect(await flushAll(host)).toMatchObject([{ address: '2001:0db8:0000:0001::/64', count: 9 }])
  })

  test('from many addresses become about twenty records a minute, and all are counted', async () => {
    await using host = await createTestAudit()
    for (let round = 0; round < 5; round++) {
      for (let count = 0; count < 100; count++) {
        host.audit.recordDenial(loginBy('ada', `198.51.${round}.${count}`), 'ada', denialError, false)
      }
      await host.audit.flush()
    }
    const records = await flushAll(host)
    expect(records).toHaveLength(21)
    expect(records.reduce((sum, { count }) => sum + count, 0)).toBe(500)
    expect(records.find(({ address }) => address === '*')?.count).toBe(480)
  })

  test('do not hide denials of users', async () => {
    await using host = await createTestAudit()
    for (let count = 0; count < 100; count++)
      host.audit.recordDenial(loginBy('ada', `198.51.100.${count}`), 'ada', denialError, false)
    const actor = { user: 'viewer', address: '192.0.2.1', action: 'droplet.add' }
    host.audit.recordDenial(actor, '', new ApiError('groupForbidden'), true)
    expect((await flushAll(host)).filter(({ user }) => user === 'viewer')).toMatchObject([
      { address: '192.0.2.1', errorId: 912, count: 1 },
    ])
  })
})

test.each([
  "user = 'eve'",
  'since = since - 60000',
  "address = 'host'",
  "action = 'user.list'",
  "target = 'eve'",
  'error_id = NULL',
  'count = count + 1',
])('detects a changed pending denial (%s)', async change => {
  await using host = await createTestAudit()
  host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
  await host.audit.flush()
  host.db.sql.run(`UPDATE audit_denials SET ${change}`)
  expect(await flushAll(host)).toMatchObject([{ action: 'audit.forged', result: 'failed' }])
  expect(host.audit.verify().findings).toEqual(['Record 2 replaces a forged one'])
})

test('filters also match aggregated denials that may include the value', async () => {
  await using host = await createTestAudit()
  host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
  host.audit.recordDenial({ user: 'bob', address: '192.0.2.1', action: 'droplet.add' }, '', denialError, false)
  expect(await flushAll(host)).toHaveLength(1)
  expect(host.records({ user: 'ada' })).toMatchObject([{ user: '*', action: '*', count: 2 }])
  expect(host.records({ target: 'cikit01' })).toMatchObject([{ target: '*', count: 2 }])
  expect(host.records({ action: 'droplet' })).toMatchObject([{ user: '*', action: '*', count: 2 }])
})

test('pending denials are on the first page only', async () => {
  await using host = await createTestAudit()
  host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
  expect((await host.audit.list({})).map(({ number }) => number)).toEqual([null, 1])
  expect((await host.audit.list({ before: 2 })).map(({ number }) => number)).toEqual([1])
})

test('usernames are recorded in full, whatever their length', async () => {
  await using host = await createTestAudit()
  const name = 'a'.repeat(64)
  await host.db.write(() => host.audit.record(loginBy(name, '192.0.2.1'), name))
  expect(host.records()).toMatchObject([{ user: name, target: name }])
})

describe('a denial in memory', () => {
  afterEach(() => void jest.useRealTimers())

  test('is stored within a second', async () => {
    await using host = await createTestAudit()
    const auditStore = createAuditStore(host.db)
    jest.useFakeTimers()
    for (const name of ['ada', 'bob']) {
      host.audit.recordDenial(loginBy(name, '192.0.2.1'), name, denialError, false)
      jest.advanceTimersByTime(1_000)
      // Earlier writes are complete by then.
      await host.db.write(() => undefined)
      expect(auditStore.denialsUntil(host.clock.time)).toMatchObject([{ user: name, count: 1 }])
      await host.db.write(() => auditStore.removeDenialsUntil(host.clock.time))
    }
  })

  test('is stored when the program ends', async () => {
    await using host = await createTestAudit()
    host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
    await host.audit.close()
    expect(createAuditStore(host.db).denialsUntil(host.clock.time)).toMatchObject([{ user: 'ada', count: 1 }])
  })

  test('uses no more memory than twenty addresses', async () => {
    await using host = await createTestAudit()
    const store = createAuditStore(host.db)
    const denials = createDenialAggregator(store, createChain(store, new Secret(new Uint8Array(32))))
    for (let count = 0; count < 1_000; count++) {
      const actor = loginBy('ada', `198.51.100.${count}`)
      denials.add({ time: 0, ...actor, target: 'ada', errorId: 902, count: 1 }, true)
    }
    expect(denials.drain()).toHaveLength(21)
  })

  test('of a user is counted per user, address and action', async () => {
    await using host = await createTestAudit()
    const forbidden = new ApiError('groupForbidden')
    const actors = [
      { user: 'ada', address: '192.0.2.1', action: 'droplet.add' },
      { user: 'bob', address: '192.0.2.1', action: 'droplet.add' },
      { user: 'ada', address: '192.0.2.2', action: 'droplet.add' },
      { user: 'ada', address: '192.0.2.1', action: 'user.list' },
    ]
    for (const actor of [...actors, ...actors]) host.audit.recordDenial(actor, '', forbidden, true)
    expect(await flushAll(host)).toMatchObject(actors.map(act => ({ ...act, count: 2 })))
  })

  test('becomes a record a minute after the first one, although more follow', async () => {
    await using host = await createTestAudit()
    for (const seconds of [0, 30, 29]) {
      host.clock.time += seconds * 1_000
      host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
      await host.audit.flush()
    }
    host.clock.time += 1_000
    // No further denial is needed.
    await host.audit.flush()
    expect(host.records()).toMatchObject([{ time: 1_000_000, count: 3 }])
  })
})

test('thirty failed logins over the API are one record, listed at once', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.createUser('ada', 'viewer')
  for (let count = 0; count < 30; count++) {
    await api.call('POST', '/user/auth', { json: { username: 'ada', code: '000000' } })
  }
  const records = await readAudit(api, token, '?user=ada')
  expect(records.map(formatRecord)).toEqual(['ada user.auth ada refused x30'])
})

test('unknown usernames are not recorded, since they may be codes', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/user/auth', { json: { username: '492751', code: 'owner' } })
  await api.call('DELETE', '/user/delete/492752')
  const records = await readAudit(api, token)
  expect(records.map(formatRecord)).toContain('* * ? refused x2')
})

test('listing pending denials does not turn them into records', async () => {
  await using host = await createTestAudit()
  for (let count = 0; count < 3; count++) {
    host.audit.recordDenial(loginBy('ada', '192.0.2.1'), 'ada', denialError, false)
    expect(await host.audit.list({ limit: 1 })).toMatchObject([{ number: null, user: 'ada', count: count + 1 }])
  }
  expect(host.records()).toEqual([])
  expect(await host.audit.list({ action: 'user' })).toHaveLength(1)
  expect(await host.audit.list({ action: 'droplet' })).toEqual([])
  expect(await host.audit.list({ user: 'bob' })).toEqual([])
  expect(await host.audit.list({ since: host.clock.time + 1 })).toEqual([])
  host.audit.recordDenial(loginBy('bob', '192.0.2.1'), 'bob', denialError, false)
  // A filter for one value shows that there were several.
  expect(await host.audit.list({ user: 'bob' })).toMatchObject([{ user: '*', count: 4 }])
})

test('an unknown username is not recorded as the user either', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/user/auth', { json: { username: '492751', code: '000000' } })
  const records = await readAudit(api, token)
  expect(records.map(formatRecord)).toContain('? user.auth ? refused 902')
  expect(JSON.stringify(records)).not.toContain('492751')
})
