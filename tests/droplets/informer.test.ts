import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { createHeldInformer, createTestInformer, eventually } from '../testkit/droplets/informer.ts'
import { timed } from '../testkit/timed.ts'

const unavailable = { errorId: 918, status: 503 }

test('what is there at the beginning is listed, newest first', async () => {
  await using host = createTestInformer()
  for (const name of ['cikit01', 'cikit03', 'cikit02']) host.addDroplet(name)
  expect(await host.names()).toEqual(['cikit02', 'cikit03', 'cikit01'])
})

test('newest first is by the time at which they were made, in whatever order the engine tells of them', async () => {
  await using host = createTestInformer()
  for (const name of ['cikit01', 'cikit02', 'cikit03']) host.addDroplet(name)
  host.memoryEngine.droplets.reverse()
  expect(await host.names()).toEqual(['cikit03', 'cikit02', 'cikit01'])
})

test('a hundred lists ask the engine nothing more', async () => {
  await using host = createTestInformer()
  host.addDroplet('cikit01')
  await host.informer.list()
  host.memoryEngine.calls.length = 0
  for (let count = 0; count < 100; count++) await host.informer.list()
  expect(host.memoryEngine.calls).toEqual([])
})

describe('what somebody else does is seen by its event:', () => {
  test('a droplet that appears', async () => {
    await using host = createTestInformer()
    expect(await host.names()).toEqual([])
    host.memoryEngine.emitEvent(host.addDroplet('cikit01').id)
    await eventually(async () => (await host.names()).join() === 'cikit01')
  })

  test('one that stops', async () => {
    await using host = createTestInformer()
    const droplet = host.addDroplet('cikit01')
    await host.informer.list()
    Object.assign(droplet, { state: 'exited', exitCode: 137 })
    host.memoryEngine.emitEvent(droplet.id)
    await eventually(async () => (await host.informer.list())[0]?.exitCode === 137)
  })

  test('one that goes', async () => {
    await using host = createTestInformer()
    const droplet = host.addDroplet('cikit01')
    await host.informer.list()
    host.memoryEngine.droplets.length = 0
    host.memoryEngine.emitEvent(droplet.id)
    await eventually(async () => (await host.names()).length === 0)
  })

  test('what happens while the first list is read', async () => {
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

test('what we did ourselves is there as soon as it was looked at, before any event', async () => {
  await using host = createTestInformer()
  await host.informer.list()
  const droplet = host.addDroplet('cikit01')
  await host.informer.refresh(droplet.id)
  expect(await host.names()).toEqual(['cikit01'])
})

test('an answer that was overtaken by a newer one does not count', async () => {
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
  test('nothing is listed, and what was missed is read when it is back', async () => {
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

  test('it is reached for without anybody asking, and the log tells once that it went and came back', async () => {
    await using host = createTestInformer()
    host.memoryEngine.disconnect()
    host.informer.start()
    for (let count = 0; count < 5; count++) await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    host.memoryEngine.reconnect()
    while (!host.logLines.some(line => line.includes('the engine is back'))) await Bun.sleep(10)
    expect(host.logLines.map(line => JSON.parse(line).message)).toEqual(['the engine is away', 'the engine is back'])
  })

  test('after it was there, it is reached for again without anybody asking', async () => {
    await using host = createTestInformer()
    await host.informer.list()
    host.memoryEngine.disconnect()
    while (host.logLines.length === 0) await Bun.sleep(10)
    host.memoryEngine.reconnect()
    while (host.logLines.length === 1) await Bun.sleep(10)
    expect(host.logLines.map(line => JSON.parse(line).message)).toEqual(['the engine is away', 'the engine is back'])
  })

  test('a list is refused that was true a moment ago, when the engine is not heard any more', async () => {
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

  test('a list is refused when its stream of events ends while it is asked whether it is there', async () => {
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

  test('an engine that answers all but a ping is away', async () => {
    await using host = createTestInformer(() => ({
      async ping() {
        throw new ApiError('engineUnavailable')
      },
    }))
    host.addDroplet('cikit01')
    for (let count = 0; count < 3; count++) await expect(host.informer.list()).rejects.toMatchObject(unavailable)
  })

  test('an engine that ends its stream as soon as it has begun it is away all the time, and the log tells so once', async () => {
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

  test('an engine that takes a while for everything is refused within 3 seconds', async () => {
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
    // It is reached in the end: what was begun for the first one who asked is there for the next.
    expect(await host.names()).toEqual(['cikit01'])
  })

  test('a droplet that cannot be looked at after a change is not shown as it was before', async () => {
    let broken = false
    await using host = createTestInformer(engine => ({
      async inspect(id) {
        if (broken) throw new ApiError('engineUnavailable')
        return await engine.inspect(id)
      },
    }))
    const { id } = host.addDroplet('cikit01')
    await host.informer.list()
    broken = true
    await expect(host.informer.refresh(id)).rejects.toMatchObject(unavailable)
    await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    broken = false
    expect(await host.names()).toEqual(['cikit01'])
  })

  test('an engine that cannot list is away, and no list is empty for it', async () => {
    await using host = createTestInformer()
    host.addDroplet('cikit01')
    host.memoryEngine.failNext('list', new ApiError('engineUnavailable'))
    await expect(host.informer.list()).rejects.toMatchObject(unavailable)
    expect(await host.names()).toEqual(['cikit01'])
  })
})

test('an answer that was asked for before the engine went away does not count when it is back', async () => {
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

test('after its end nothing is heard, asked or tried again', async () => {
  const host = createTestInformer()
  await host.informer.list()
  await host.informer.close()
  host.memoryEngine.calls.length = 0
  host.memoryEngine.emitEvent(host.addDroplet('cikit01').id)
  host.memoryEngine.disconnect()
  await new Promise(setImmediate)
  expect(host.memoryEngine.calls).toEqual([])
})

test('its end does not wait for an engine that is being reached', async () => {
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
