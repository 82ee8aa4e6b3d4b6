import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/errors.ts'
import { createHeldLive, createTestLive, eventually } from '../_support/live.ts'
import { timed } from '../_support/timed.ts'

const unavailable = { errorId: 918, status: 503 }

test('what is there at the beginning is listed, newest first', async () => {
  await using host = createTestLive()
  for (const name of ['cikit01', 'cikit03', 'cikit02']) host.put(name)
  expect(await host.names()).toEqual(['cikit02', 'cikit03', 'cikit01'])
})

test('newest first is by the time at which they were made, in whatever order the engine tells of them', async () => {
  await using host = createTestLive()
  for (const name of ['cikit01', 'cikit02', 'cikit03']) host.put(name)
  host.memory.droplets.reverse()
  expect(await host.names()).toEqual(['cikit03', 'cikit02', 'cikit01'])
})

test('a hundred lists ask the engine nothing more', async () => {
  await using host = createTestLive()
  host.put('cikit01')
  await host.live.list()
  host.memory.calls.length = 0
  for (let count = 0; count < 100; count++) await host.live.list()
  expect(host.memory.calls).toEqual([])
})

describe('what somebody else does is seen by its event:', () => {
  test('a droplet that appears', async () => {
    await using host = createTestLive()
    expect(await host.names()).toEqual([])
    host.memory.tell(host.put('cikit01').id)
    await eventually(async () => (await host.names()).join() === 'cikit01')
  })

  test('one that stops', async () => {
    await using host = createTestLive()
    const droplet = host.put('cikit01')
    await host.live.list()
    Object.assign(droplet, { state: 'exited', exitCode: 137 })
    host.memory.tell(droplet.id)
    await eventually(async () => (await host.live.list())[0]?.exitCode === 137)
  })

  test('one that goes', async () => {
    await using host = createTestLive()
    const droplet = host.put('cikit01')
    await host.live.list()
    host.memory.droplets.length = 0
    host.memory.tell(droplet.id)
    await eventually(async () => (await host.names()).length === 0)
  })

  test('what happens while the first list is read', async () => {
    const reading = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    await using host = createTestLive(engine => ({
      async list() {
        const listed = await engine.list()
        reading.resolve()
        await go.promise
        return listed
      },
    }))
    const names = host.names()
    await reading.promise
    host.memory.tell(host.put('cikit01').id)
    go.resolve()
    await names
    await eventually(async () => (await host.names()).join() === 'cikit01')
  })
})

test('what we did ourselves is there as soon as it was looked at, before any event', async () => {
  await using host = createTestLive()
  await host.live.list()
  const droplet = host.put('cikit01')
  await host.live.look(droplet.id)
  expect(await host.names()).toEqual(['cikit01'])
})

test('an answer that was overtaken by a newer one does not count', async () => {
  await using host = createHeldLive()
  const droplet = host.put('cikit01')
  await host.live.list()
  host.hold()
  const early = host.live.look(droplet.id)
  await eventually(async () => host.held.length === 1)
  host.memory.droplets.length = 0
  const late = host.live.look(droplet.id)
  await eventually(async () => host.held.length === 2)
  host.held[1]?.()
  await late
  host.held[0]?.()
  await early
  expect(await host.names()).toEqual([])
})

describe('while the engine is away', () => {
  test('nothing is listed, and what was missed is read when it is back', async () => {
    await using host = createTestLive()
    host.put('cikit01')
    await host.live.list()
    host.memory.goAway()
    await eventually(() =>
      host.live.list().then(
        () => false,
        error => error instanceof ApiError && error.errorId === 918,
      ),
    )
    host.memory.droplets.length = 0
    host.put('cikit02')
    await expect(host.live.list()).rejects.toMatchObject(unavailable)
    host.memory.comeBack()
    expect(await host.names()).toEqual(['cikit02'])
  })

  test('it is reached for without anybody asking, and the log tells once that it went and came back', async () => {
    await using host = createTestLive()
    host.memory.goAway()
    host.live.start()
    for (let count = 0; count < 5; count++) await expect(host.live.list()).rejects.toMatchObject(unavailable)
    host.memory.comeBack()
    while (!host.logged.some(line => line.includes('the engine is back'))) await Bun.sleep(10)
    expect(host.logged.map(line => JSON.parse(line).message)).toEqual(['the engine is away', 'the engine is back'])
  })

  test('after it was there, it is reached for again without anybody asking', async () => {
    await using host = createTestLive()
    await host.live.list()
    host.memory.goAway()
    while (host.logged.length === 0) await Bun.sleep(10)
    host.memory.comeBack()
    while (host.logged.length === 1) await Bun.sleep(10)
    expect(host.logged.map(line => JSON.parse(line).message)).toEqual(['the engine is away', 'the engine is back'])
  })

  test('a list is refused that was true a moment ago, when the engine is not heard any more', async () => {
    let silent = false
    await using host = createTestLive(engine => ({
      async ping() {
        if (silent) throw new ApiError('engineUnavailable')
        await engine.ping()
      },
    }))
    host.put('cikit01')
    await host.live.list()
    silent = true
    host.clock.move(1_000)
    await expect(host.live.list()).rejects.toMatchObject(unavailable)
    silent = false
    expect(await host.names()).toEqual(['cikit01'])
  })

  test('a list is refused when its stream of events ends while it is asked whether it is there', async () => {
    const asked = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    let isHeld = false
    await using host = createTestLive(engine => ({
      async ping() {
        await engine.ping()
        if (!isHeld) return
        asked.resolve()
        await answered.promise
      },
    }))
    host.put('cikit01')
    await host.live.list()
    isHeld = true
    host.clock.move(1_000)
    const list = host.live.list()
    await asked.promise
    host.memory.hangUp()
    await eventually(async () => host.logged.length > 0)
    answered.resolve()
    await expect(list).rejects.toMatchObject(unavailable)
  })

  test('an engine that answers all but a ping is away', async () => {
    await using host = createTestLive(() => ({
      async ping() {
        throw new ApiError('engineUnavailable')
      },
    }))
    host.put('cikit01')
    for (let count = 0; count < 3; count++) await expect(host.live.list()).rejects.toMatchObject(unavailable)
  })

  test('an engine that ends its stream as soon as it has begun it is away all the time, and the log tells so once', async () => {
    await using host = createTestLive(engine => ({
      async events(signal) {
        const events = await engine.events(signal)
        host.memory.hangUp()
        return events
      },
    }))
    host.put('cikit01')
    for (let count = 0; count < 3; count++) await expect(host.live.list()).rejects.toMatchObject(unavailable)
    expect(host.logged.map(line => JSON.parse(line).message)).toEqual(['the engine is away'])
  })

  test('an engine that takes a while for everything is refused within 3 seconds', async () => {
    await using host = createTestLive(engine => ({
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
    host.put('cikit01')
    const { ms, answer } = await timed(host.live.list().catch(error => error))
    expect(answer).toMatchObject(unavailable)
    expect(ms).toBeLessThan(3_000)
    // It is reached in the end: what was begun for the first one who asked is there for the next.
    expect(await host.names()).toEqual(['cikit01'])
  })

  test('a droplet that cannot be looked at after a change is not shown as it was before', async () => {
    let broken = false
    await using host = createTestLive(engine => ({
      async inspect(id) {
        if (broken) throw new ApiError('engineUnavailable')
        return await engine.inspect(id)
      },
    }))
    const { id } = host.put('cikit01')
    await host.live.list()
    broken = true
    await expect(host.live.look(id)).rejects.toMatchObject(unavailable)
    await expect(host.live.list()).rejects.toMatchObject(unavailable)
    broken = false
    expect(await host.names()).toEqual(['cikit01'])
  })

  test('an engine that cannot list is away, and no list is empty for it', async () => {
    await using host = createTestLive()
    host.put('cikit01')
    host.memory.fail('list', new ApiError('engineUnavailable'))
    await expect(host.live.list()).rejects.toMatchObject(unavailable)
    expect(await host.names()).toEqual(['cikit01'])
  })
})

test('an answer that was asked for before the engine went away does not count when it is back', async () => {
  await using host = createHeldLive()
  const droplet = host.put('cikit01')
  await host.live.list()
  host.hold()
  const early = host.live.look(droplet.id)
  await eventually(async () => host.held.length === 1)
  host.hold(false)
  host.memory.hangUp()
  await eventually(async () => host.logged.length > 0)
  Object.assign(droplet, { state: 'exited', exitCode: 0 })
  await host.live.list()
  host.held[0]?.()
  await early
  expect(await host.live.list()).toMatchObject([{ state: 'exited' }])
})

test('after its end nothing is heard, asked or tried again', async () => {
  const host = createTestLive()
  await host.live.list()
  await host.live.close()
  host.memory.calls.length = 0
  host.memory.tell(host.put('cikit01').id)
  host.memory.goAway()
  await new Promise(setImmediate)
  expect(host.memory.calls).toEqual([])
})

test('its end does not wait for an engine that is being reached', async () => {
  const asked = Promise.withResolvers<AbortSignal>()
  const host = createTestLive(() => ({
    events(signal) {
      asked.resolve(signal)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  }))
  host.live.start()
  const signal = await asked.promise
  await host.live.close()
  expect(signal.aborted).toBe(true)
})
