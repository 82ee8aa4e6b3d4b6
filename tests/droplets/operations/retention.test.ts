import { describe, expect, test } from 'bun:test'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestDropletHost } from '../../testkit/droplets/droplet-host.ts'
import { startHeldStop } from '../../testkit/droplets/held-stop.ts'
import { createGate } from '../../testkit/gate.ts'

// Retention and listing of operations.

describe('operations are kept', () => {
  const DAY_MS = 86_400_000

  test('for 7 days after their end, with their idempotency key', async () => {
    await using host = createTestDropletHost()
    const { change, operations } = host.startService()
    const idempotencyKey = { userId: 'ada', key: Buffer.from('k'), fingerprint: Buffer.from('add') }
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] }, idempotencyKey)
    await operations.idle()
    host.clock.advance(7 * DAY_MS)
    await host.db.write(operations.removeOld)
    expect(operations.show(id)).toMatchObject({ id })
    host.clock.advance(1)
    await host.db.write(operations.removeOld)
    expect(() => operations.show(id)).toThrow('not found')
    await change(TEST_ACTOR, { kind: 'add', sshKeys: [] }, idempotencyKey)
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('up to the newest 100,000, plus the unfinished ones', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const gate = createGate()
    const { add, change, operations } = host.startService({ stop: gate.pass })
    await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered()
    for (let count = 0; count < 3; count++) await add(TEST_ACTOR)
    const [newest] = operations.list({ limit: 1 })
    // As if that many had been created before.
    host.db.sql.run('UPDATE operations SET number = 100002 WHERE id = ?', [newest?.id ?? ''])
    await host.db.write(operations.removeOld)
    expect(operations.list({}).map(({ droplet, state }) => `${droplet} ${state}`)).toEqual([
      'cikit04 done',
      'cikit03 done',
      'cikit01 running',
    ])
    gate.open()
  })

  test('while they are unfinished', async () => {
    await using host = createTestDropletHost()
    const { id, gate, operations } = await startHeldStop(host)
    host.clock.advance(30 * DAY_MS)
    await host.db.write(operations.removeOld)
    expect(operations.list({})).toMatchObject([{ id, state: 'running' }])
    gate.open()
  })
})

test('the list of a droplet includes the running add that creates it', async () => {
  await using host = createTestDropletHost()
  const gate = createGate()
  const { change, operations } = host.startService({
    async start(id) {
      await gate.pass()
      await host.memoryEngine.engine.start(id)
    },
  })
  const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
  await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
  await gate.entered()
  expect(operations.list({ droplet: 'cikit01' }).map(operation => operation.id)).toEqual([id])
  expect(operations.list({}).length).toBe(2)
  gate.open()
  await operations.idle()
  expect(operations.list({ droplet: 'cikit01' }).map(operation => operation.id)).toEqual([id])
})

test('lists newest first, by page and by droplet', async () => {
  await using host = createTestDropletHost()
  const service = host.startService()
  await service.add(TEST_ACTOR)
  await service.add(TEST_ACTOR)
  await service.stop(TEST_ACTOR, 'cikit01')
  const summaries = (filter = {}) => service.operations.list(filter).map(({ kind, droplet }) => `${kind} ${droplet}`)
  expect(summaries()).toEqual(['stop cikit01', 'add cikit02', 'add cikit01'])
  expect(summaries({ limit: 1 })).toEqual(['stop cikit01'])
  expect(summaries({ droplet: 'cikit01' })).toEqual(['stop cikit01', 'add cikit01'])
  const [first] = service.operations.list({ limit: 1 })
  expect(summaries({ before: first?.id })).toEqual(['add cikit02', 'add cikit01'])
  expect(summaries({ before: 'unknown' })).toEqual([])
})
