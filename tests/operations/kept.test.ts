import { describe, expect, test } from 'bun:test'
import { ACT } from '../_support/act.ts'
import { createTestDroplets } from '../_support/droplets.ts'
import { createGate, stopUnderWay } from '../_support/gate.ts'

// What is still known of operations, and how it is listed.

describe('are kept', () => {
  const DAY_MS = 86_400_000

  test('for 7 days after their end, with their key', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    const claim = { userId: 'ada', key: Buffer.from('k'), fingerprint: Buffer.from('add') }
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] }, claim)
    await operations.idle()
    host.clock.move(7 * DAY_MS)
    await host.db.write(operations.removeOld)
    expect(operations.show(id)).toMatchObject({ id })
    host.clock.move(1)
    await host.db.write(operations.removeOld)
    expect(() => operations.show(id)).toThrow('not found')
    await change(ACT, { kind: 'add', sshKeys: [] }, claim)
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('the newest 100,000 of them, and those that have not ended', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { add, change, operations } = host.startService({ stop: gate.pass })
    await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    for (let count = 0; count < 3; count++) await add(ACT)
    const [newest] = operations.list({ limit: 1 })
    // As if so many had come before it.
    host.db.sql.run('UPDATE operations SET number = 100002 WHERE id = ?', [newest?.id ?? ''])
    await host.db.write(operations.removeOld)
    expect(operations.list({}).map(({ droplet, state }) => `${droplet} ${state}`)).toEqual([
      'cikit04 done',
      'cikit03 done',
      'cikit01 running',
    ])
    gate.open()
  })

  test('as long as they have not ended', async () => {
    await using host = createTestDroplets()
    const { id, gate, operations } = await stopUnderWay(host)
    host.clock.move(30 * DAY_MS)
    await host.db.write(operations.removeOld)
    expect(operations.list({})).toMatchObject([{ id, state: 'running' }])
    gate.open()
  })
})

test('the list of a droplet has the add that is just making it', async () => {
  await using host = createTestDroplets()
  const gate = createGate()
  const { change, operations } = host.startService({
    async start(id) {
      await gate.pass()
      await host.memory.engine.start(id)
    },
  })
  const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
  await change(ACT, { kind: 'add', sshKeys: [] })
  await gate.entered
  expect(operations.list({ droplet: 'cikit01' }).map(operation => operation.id)).toEqual([id])
  expect(operations.list({}).length).toBe(2)
  gate.open()
  await operations.idle()
  expect(operations.list({ droplet: 'cikit01' }).map(operation => operation.id)).toEqual([id])
})

test('the list is newest first, by page and by droplet', async () => {
  await using host = createTestDroplets()
  const service = host.startService()
  await service.add(ACT)
  await service.add(ACT)
  await service.stop(ACT, 'cikit01')
  const inWords = (filter = {}) => service.operations.list(filter).map(({ kind, droplet }) => `${kind} ${droplet}`)
  expect(inWords()).toEqual(['stop cikit01', 'add cikit02', 'add cikit01'])
  expect(inWords({ limit: 1 })).toEqual(['stop cikit01'])
  expect(inWords({ droplet: 'cikit01' })).toEqual(['stop cikit01', 'add cikit01'])
  const [first] = service.operations.list({ limit: 1 })
  expect(inWords({ before: first?.id })).toEqual(['add cikit02', 'add cikit01'])
  expect(inWords({ before: 'nobody' })).toEqual([])
})
