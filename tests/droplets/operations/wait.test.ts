import { heapStats } from 'bun:jsc'
import { describe, expect, jest, test } from 'bun:test'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestDropletHost } from '../../testkit/droplets/droplet-host.ts'
import { startHeldStop } from '../../testkit/droplets/held-stop.ts'
import { createGate } from '../../testkit/gate.ts'
import { waitUntil } from '../../testkit/wait-until.ts'

describe('waiting', () => {
  test('ends with the operation', async () => {
    await using host = createTestDropletHost()
    const { id, gate, operations } = await startHeldStop(host)
    expect(await operations.wait(id, 0)).toMatchObject({ state: 'running' })
    const waiting = operations.wait(id, 60_000)
    gate.open()
    expect(await waiting).toMatchObject({ state: 'done' })
    expect(await operations.wait(id, 60_000)).toMatchObject({ state: 'done' })
  })

  test('ends after its timeout, when the client disconnects, and when the service closes', async () => {
    await using host = createTestDropletHost()
    const { id, gate, operations } = await startHeldStop(host)
    expect(await operations.wait(id, 1)).toMatchObject({ state: 'running' })
    const caller = new AbortController()
    const waiting = operations.wait(id, 60_000, caller.signal)
    caller.abort()
    expect(await waiting).toMatchObject({ state: 'running' })
    const other = operations.wait(id, 60_000)
    operations.close()
    expect(await other).toMatchObject({ state: 'running' })
    gate.open()
  })

  test('ends at once for a client that has disconnected', async () => {
    await using host = createTestDropletHost()
    const { id, gate, operations } = await startHeldStop(host)
    expect(await operations.wait(id, 60_000, AbortSignal.abort())).toMatchObject({ state: 'running' })
    gate.open()
  })

  test('retains nothing after a timeout', async () => {
    await using host = createTestDropletHost()
    const { id, gate, operations } = await startHeldStop(host)
    const countPromises = () => {
      Bun.gc(true)
      return heapStats().objectTypeCounts.Promise ?? 0
    }
    const promisesBefore = countPromises()
    for (let round = 0; round < 10; round++)
      await Promise.all(Array.from({ length: 500 }, () => operations.wait(id, 1)))
    expect(countPromises() - promisesBefore).toBeLessThan(1_000)
    gate.open()
  })

  test('leaves no timer behind that keeps the process alive', async () => {
    await using host = createTestDropletHost()
    const { id, gate, operations } = await startHeldStop(host)
    jest.useFakeTimers()
    try {
      const waiting = operations.wait(id, 60_000)
      expect(jest.getTimerCount()).toBe(1)
      gate.open()
      await waiting
      expect(jest.getTimerCount()).toBe(0)
    } finally {
      jest.useRealTimers()
    }
  })

  test('for all operations includes those that start meanwhile', async () => {
    await using host = createTestDropletHost()
    const droplets = ['cikit01', 'cikit02'].map(name => ({ ...host.addDroplet(name), gate: createGate() }))
    const { change, operations } = host.startService({
      stop: async id => await droplets.find(droplet => droplet.id === id)?.gate.pass(),
    })
    const [first, second] = droplets
    await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
    let states: string[] = []
    const idle = operations.idle().then(() => {
      states = operations.list({}).map(({ state }) => state)
    })
    const { id } = await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit02' })
    first?.gate.open()
    await waitUntil(() => operations.list({ droplet: 'cikit01' })[0]?.state === 'done', { what: 'the first stop' })
    await second?.gate.entered()
    second?.gate.open()
    await operations.outcome(id)
    await idle
    expect(states).toEqual(['done', 'done'])
  })

  test('for an unknown operation is 929', async () => {
    await using host = createTestDropletHost()
    const { operations } = host.startService()
    await expect(operations.wait('x', 1)).rejects.toMatchObject({ errorId: 929, status: 404 })
    await expect(operations.outcome('x')).rejects.toMatchObject({ errorId: 929 })
    await expect(operations.cancel(TEST_ACTOR, 'x')).rejects.toMatchObject({ errorId: 929 })
  })
})
