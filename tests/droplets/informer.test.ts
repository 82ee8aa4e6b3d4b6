import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { createHeldInformer, createTestInformer, eventually } from '../testkit/droplets/informer.ts'
import { timed } from '../testkit/timed.ts'
import { waitUntil } from '../testkit/wait-until.ts'

const unavailable = { errorId: 918, status: 503 }

test('lists the existing droplets, newest first', async () => {
  await using host = createTestInformer()
  for (const name of ['cikit01', 'cikit03', 'cikit02']) host.addDroplet(name)
  expect(await host.names()).toEqual(['cikit02', 'cikit03', 'cikit01'])
})

test('sorts by creation time, whatever order the engine lists them in', async () => {
  await using host = createTestInformer()
  for (const name of ['cikit01', 'cikit02', 'cikit03']) host.addDroplet(name)
  host.memoryEngine.droplets.reverse()
  expect(await host.names()).toEqual(['cikit03', 'cikit02', 'cikit01'])
})

test('serves lists from the cache without engine calls', async () => {
  await using host = createTestInformer()
  host.addDroplet('cikit01')
  await host.informer.list()
  host.memoryEngine.calls.length = 0
  for (let count = 0; count < 100; count++) await host.informer.list()
  expect(host.memoryEngine.calls).toEqual([])
})

describe('detects external changes by their events:', () => {
  test('a new droplet', async () => {
    await using host = createTestInformer()
    expect(await host.names()).toEqual([])
    host.memoryEngine.emitEvent(host.addDroplet('cikit01').id)
    await eventually(async () => (await host.names()).join() === 'cikit01')
  })

  test('a stopped droplet', async () => {
    await using host = createTestInformer()
    const droplet = host.addDroplet('cikit01')
    await host.informer.list()
    Object.assign(droplet, { state: 'exited', exitCode: 137 })
    host.memoryEngine.emitEvent(droplet.id)
    await eventually(async () => (await host.informer.list())[0]?.exitCode === 137)
  })

  test('a removed droplet', async () => {
    await using host = createTestInformer()
    const droplet = host.addDroplet('cikit01')
    await host.informer.list()
    host.memoryEngine.droplets.length = 0
    host.memoryEngine.emitEvent(droplet.id)
    await eventually(async () => (await host.names()).length === 0)
  })

  test('a change during the first synchronisation', async () => {
    const listStarted = Promise.withResolvers<void>()
    const listReleased = Promise.withResolvers<void>()
    await using host = createTestInformer(engine => ({
      async list() {
        const listed = await engine.list()
        listStarted.resolve()
        await listReleased.promise
        return listed
      },
    }))
    const names = host.names()
    await listStarted.promise
    host.memoryEngine.emitEvent(host.addDroplet('cikit01').id)
    listReleased.resolve()
    await names
    await eventually(async () => (await host.names()).join() === 'cikit01')
  })
})

test('a refresh updates the list before any event', async () => {
  await using host = createTestInformer()
  await host.informer.list()
  const droplet = host.addDroplet('cikit01')
  await host.informer.refresh(droplet.id)
  expect(await host.names()).toEqual(['cikit01'])
})

test('discards an inspection that a newer one has overtaken', async () => {
  await using host = createHeldInformer()
  const droplet = host.addDroplet('cikit01')
  await host.informer.list()
  host.setHolding()
  const early = host.informer.refresh(droplet.id)
  await eventually(async () => host.heldReleases.length === 1)
  host.memoryEngine.droplets.length = 0
  const late = host.informer.refresh(droplet.id)
  await eventually(async () => host.heldReleases.length === 2)
  host.heldReleases[1]?.()
  await late
  host.heldReleases[0]?.()
  await early
  expect(await host.names()).toEqual([])
})

describe('while the engine is away', () => {
  test('rejects lists, and reads missed changes when it is back', async () => {
    await using host = createTestInformer()
    host.addDroplet('cikit01')
    await host.informer.list()
    host.memoryEngine.disconnect()
    await eventually(() =>
      host.informer.list().then(
        () => false,
        error => error instanceof ApiError && error.errorId === 918,
      ),
    )
    host.memoryEngine.droplets.length = 0
    host.addDroplet('cikit02')
    await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    host.memoryEngine.reconnect()
    expect(await host.names()).toEqual(['cikit02'])
  })

  test('reconnects by itself, and logs the outage and the recovery once', async () => {
    await using host = createTestInformer()
    host.memoryEngine.disconnect()
    host.informer.start()
    for (let count = 0; count < 5; count++) await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    host.memoryEngine.reconnect()
    await waitUntil(() => host.logLines.some(line => line.includes('the engine is back')), {
      what: 'the engine to be back',
    })
    expect(host.logLines.map(line => JSON.parse(line).message)).toEqual(['the engine is away', 'the engine is back'])
  })

  test('reconnects by itself after a lost connection', async () => {
    await using host = createTestInformer()
    await host.informer.list()
    host.memoryEngine.disconnect()
    await waitUntil(() => host.logLines.length > 0, { what: 'the log to report the outage' })
    host.memoryEngine.reconnect()
    await waitUntil(() => host.logLines.length > 1, { what: 'the log to report the recovery' })
    expect(host.logLines.map(line => JSON.parse(line).message)).toEqual(['the engine is away', 'the engine is back'])
  })

  test('rejects a stale list when the engine does not answer a ping', async () => {
    let isPingFailing = false
    await using host = createTestInformer(engine => ({
      async ping() {
        if (isPingFailing) throw new ApiError('engineUnavailable')
        await engine.ping()
      },
    }))
    host.addDroplet('cikit01')
    await host.informer.list()
    isPingFailing = true
    host.clock.advance(1_000)
    await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    isPingFailing = false
    expect(await host.names()).toEqual(['cikit01'])
  })

  test('rejects a list when the event stream ends during the ping', async () => {
    const pingStarted = Promise.withResolvers<void>()
    const pingReleased = Promise.withResolvers<void>()
    let isHeld = false
    await using host = createTestInformer(engine => ({
      async ping() {
        await engine.ping()
        if (!isHeld) return
        pingStarted.resolve()
        await pingReleased.promise
      },
    }))
    host.addDroplet('cikit01')
    await host.informer.list()
    isHeld = true
    host.clock.advance(1_000)
    const list = host.informer.list()
    await pingStarted.promise
    host.memoryEngine.endEventStreams()
    await eventually(async () => host.logLines.length > 0)
    pingReleased.resolve()
    await expect(list).rejects.toMatchObject(unavailable)
  })

  test('an engine that does not answer pings is away', async () => {
    await using host = createTestInformer(() => ({
      async ping() {
        throw new ApiError('engineUnavailable')
      },
    }))
    host.addDroplet('cikit01')
    for (let count = 0; count < 3; count++) await expect(host.informer.list()).rejects.toMatchObject(unavailable)
  })

  test('an engine that ends every event stream at once stays away, which is logged once', async () => {
    await using host = createTestInformer(engine => ({
      async events(signal) {
        const events = await engine.events(signal)
        host.memoryEngine.endEventStreams()
        return events
      },
    }))
    host.addDroplet('cikit01')
    for (let count = 0; count < 3; count++) await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    expect(host.logLines.map(line => JSON.parse(line).message)).toEqual(['the engine is away'])
  })

  test('rejects lists within 3 seconds if the engine is slow', async () => {
    await using host = createTestInformer(engine => ({
      async events(signal) {
        await Bun.sleep(1_200)
        return await engine.events(signal)
      },
      async list() {
        await Bun.sleep(1_200)
        return await engine.list()
      },
      async inspect(id) {
        await Bun.sleep(1_200)
        return await engine.inspect(id)
      },
    }))
    host.addDroplet('cikit01')
    const { ms, result } = await timed(host.informer.list().catch(error => error))
    expect(result).toMatchObject(unavailable)
    expect(ms).toBeLessThan(3_000)
    // The connection is established eventually, and serves the next request.
    expect(await host.names()).toEqual(['cikit01'])
  })

  test('does not list a droplet in its old state when the refresh fails', async () => {
    let isBroken = false
    await using host = createTestInformer(engine => ({
      async inspect(id) {
        if (isBroken) throw new ApiError('engineUnavailable')
        return await engine.inspect(id)
      },
    }))
    const { id } = host.addDroplet('cikit01')
    await host.informer.list()
    isBroken = true
    await expect(host.informer.refresh(id)).rejects.toMatchObject(unavailable)
    await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    isBroken = false
    expect(await host.names()).toEqual(['cikit01'])
  })

  test('an engine that fails to list is away; the list is never empty because of it', async () => {
    await using host = createTestInformer()
    host.addDroplet('cikit01')
    host.memoryEngine.failNext('list', new ApiError('engineUnavailable'))
    await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    expect(await host.names()).toEqual(['cikit01'])
  })
})

test('discards an inspection that started before the engine went away', async () => {
  await using host = createHeldInformer()
  const droplet = host.addDroplet('cikit01')
  await host.informer.list()
  host.setHolding()
  const early = host.informer.refresh(droplet.id)
  await eventually(async () => host.heldReleases.length === 1)
  host.setHolding(false)
  host.memoryEngine.endEventStreams()
  await eventually(async () => host.logLines.length > 0)
  Object.assign(droplet, { state: 'exited', exitCode: 0 })
  await host.informer.list()
  host.heldReleases[0]?.()
  await early
  expect(await host.informer.list()).toMatchObject([{ state: 'exited' }])
})

test('calls nothing after it is closed', async () => {
  const host = createTestInformer()
  await host.informer.list()
  await host.informer.close()
  host.memoryEngine.calls.length = 0
  host.memoryEngine.emitEvent(host.addDroplet('cikit01').id)
  host.memoryEngine.disconnect()
  await new Promise(setImmediate)
  expect(host.memoryEngine.calls).toEqual([])
})

test('closing aborts a pending connection', async () => {
  const eventsRequested = Promise.withResolvers<AbortSignal>()
  const host = createTestInformer(() => ({
    events(signal) {
      eventsRequested.resolve(signal)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  }))
  host.informer.start()
  const signal = await eventsRequested.promise
  await host.informer.close()
  expect(signal.aborted).toBe(true)
})
