import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { createLog } from '../../src/core/log.ts'
import type { Droplet, Health, Probe } from '../../src/droplets/engine.ts'
import { createHealthChecker, evaluateHealth } from '../../src/droplets/health-checker.ts'
import { HOST_KEY } from '../testkit/droplets/droplet.ts'
import { createTestInformer, eventually } from '../testkit/droplets/informer.ts'

const SECOND = 1_000
const MINUTE = 60_000

const noResponse: Probe = { init: undefined, sshResponds: false, hostKey: undefined }
const booting: Probe = { ...noResponse, init: 'booting' }
const up: Probe = { init: 'running', sshResponds: true, hostKey: HOST_KEY.key }
const failed: Probe = { ...up, init: 'degraded' }
const withoutSsh: Probe = { ...up, sshResponds: false }

/** Droplets in memory that are watched; the test says what is found in them, and when it is time to look. */
function createHealthHarness() {
  const host = createTestInformer()
  const { memoryEngine, informer, clock, logLines } = host
  const log = createLog({ write: line => void logLines.push(line), readable: false, now: clock.now })
  const checker = createHealthChecker({
    engine: memoryEngine.engine,
    informer,
    monotonic: clock.monotonic,
    now: clock.now,
    log,
  })
  const flush = () => new Promise(setImmediate)

  return {
    ...host,
    checker,
    flush,
    /** A droplet that runs, and what is found in it from now on. */
    put(name: string, probe: Probe): Droplet {
      const droplet = host.addDroplet(name)
      memoryEngine.probeResults.set(droplet.id, () => probe)
      return droplet
    },
    setProbe: (droplet: Droplet, probe: Probe) => void memoryEngine.probeResults.set(droplet.id, () => probe),
    /** What it is to whoever lists it. */
    healthOf: async ({ id }: Droplet): Promise<Health | undefined> =>
      (await informer.list()).find(listed => listed.id === id)?.health,
    /** Begins to watch, and waits for the first looks. */
    async start(): Promise<void> {
      informer.start()
      checker.start()
      await informer.list()
      await flush()
    },
    /** Time passes, at once; then there is a look at all that is due. @returns how many looks */
    async advance(milliseconds: number): Promise<number> {
      const before = memoryEngine.probedIds.length
      clock.advance(milliseconds)
      // That long the engine was not heard of.
      await informer.list()
      checker.tick()
      await flush()
      return memoryEngine.probedIds.length - before
    },
    async [Symbol.asyncDispose]() {
      checker.close()
      await informer.close()
    },
  }
}

describe('what was found means', () => {
  test.each<[string, Probe, number, Health | undefined, Health]>([
    ['up and greeting', up, SECOND, 'booting', 'ready'],
    ['greeting while init is at it', { ...booting, sshResponds: true }, SECOND, undefined, 'booting'],
    ['still at it after long', booting, 60 * MINUTE, 'booting', 'booting'],
    ['something failed', failed, SECOND, 'booting', 'degraded'],
    ['something failed, and no greeting', { ...failed, sshResponds: false }, SECOND, 'booting', 'degraded'],
    ['greeting, and no word of an init', { ...noResponse, sshResponds: true }, SECOND, undefined, 'ready'],
    ['nothing, just before its time is up', noResponse, 2 * MINUTE - 1, 'booting', 'booting'],
    ['nothing, when its time is up', noResponse, 2 * MINUTE, 'booting', 'degraded'],
    ['up and not greeting yet', withoutSsh, 2 * MINUTE - 1, undefined, 'booting'],
    ['up and never greeting', withoutSsh, 2 * MINUTE, 'booting', 'degraded'],
    ['not greeting any more', withoutSsh, SECOND, 'ready', 'degraded'],
    ['nothing of what failed before', noResponse, SECOND, 'degraded', 'degraded'],
  ])('%s', (_, probe, age, before, health) => {
    expect(evaluateHealth(probe, age, before)).toBe(health)
  })
})

describe('a droplet', () => {
  test('that boots is looked into every second, until it is up; its key is noted', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', booting)
    await host.start()
    expect(await host.healthOf(droplet)).toBe('booting')
    expect(await host.advance(999)).toBe(0)
    expect(await host.advance(1)).toBe(1)
    host.setProbe(droplet, up)
    expect(await host.advance(SECOND)).toBe(1)
    expect(await host.informer.list()).toMatchObject([{ health: 'ready', hostKey: HOST_KEY.key }])
    // Its own moment in the minute may be among these.
    let probeCount = 0
    for (let count = 0; count < 30; count++) probeCount += await host.advance(SECOND)
    expect(probeCount).toBeLessThanOrEqual(1)
  })

  test.each([
    ['up', up, 'ready'],
    ['degraded', failed, 'degraded'],
  ] as const)('that is %s is looked into once a minute', async (_, probe, health) => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', probe)
    await host.start()
    expect(await host.healthOf(droplet)).toBe(health)
    let probeCount = 0
    for (let second = 0; second < 600; second++) probeCount += await host.advance(SECOND)
    expect(probeCount).toBe(10)
  })

  test('that boots for long is looked into ever less often, and never less than once a minute', async () => {
    await using host = createHealthHarness()
    host.put('cikit01', booting)
    await host.start()
    const countProbes = async (seconds: number) => {
      let count = 0
      for (let second = 0; second < seconds; second++) count += await host.advance(SECOND)
      return count
    }
    expect(await countProbes(60)).toBe(60)
    expect(await countProbes(540)).toBeLessThan(200)
    await countProbes(3_000)
    expect(await countProbes(600)).toBeWithin(10, 13)
  })

  test('in which a look takes long is left in peace for ten times that', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', booting)
    host.memoryEngine.probeResults.set(droplet.id, () => {
      host.clock.advance(400)
      return booting
    })
    await host.start()
    expect(await host.advance(3_999)).toBe(0)
    expect(await host.advance(1)).toBe(1)
  })

  test('that appears, or is started, is looked into half a second later', async () => {
    await using host = createHealthHarness()
    await host.start()
    const droplet = host.put('cikit01', up)
    await host.informer.refresh(droplet.id)
    expect(await host.advance(499)).toBe(0)
    expect(await host.advance(1)).toBe(1)
    expect(await host.healthOf(droplet)).toBe('ready')
    host.setProbe(droplet, booting)
    Object.assign(droplet, { startedAt: host.clock.now() + 1 })
    await host.informer.refresh(droplet.id)
    expect(await host.advance(500)).toBe(1)
    expect(await host.healthOf(droplet)).toBe('booting')
  })

  test('that stops is nothing any more, and not looked into', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    await host.start()
    Object.assign(droplet, { state: 'exited' })
    await host.informer.refresh(droplet.id)
    expect(await host.healthOf(droplet)).toBeUndefined()
    expect(await host.advance(2 * MINUTE)).toBe(0)
  })

  test('that is paused and goes on is looked into half a second later', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    await host.start()
    for (const state of ['paused', 'running']) {
      Object.assign(droplet, { state })
      await host.informer.refresh(droplet.id)
    }
    expect(await host.advance(499)).toBe(0)
    expect(await host.advance(1)).toBe(1)
    expect(await host.healthOf(droplet)).toBe('ready')
  })

  test('that was started anew while it was looked into is not what was found in the one before', async () => {
    await using host = createHealthHarness()
    const answers = [Promise.withResolvers<Probe>(), Promise.withResolvers<Probe>()]
    const droplet = host.put('cikit01', up)
    let probeCalls = 0
    host.memoryEngine.probeResults.set(droplet.id, () => answers[probeCalls++]?.promise ?? noResponse)
    await host.start()
    Object.assign(droplet, { startedAt: host.clock.now() + 1 })
    await host.informer.refresh(droplet.id)
    await host.advance(500)
    answers[1]?.resolve(booting)
    await host.flush()
    answers[0]?.resolve(up)
    await host.flush()
    expect(await host.healthOf(droplet)).toBe('booting')
  })

  test('that was ready is not taken for degraded because a greeting failed once', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    await host.start()
    host.setProbe(droplet, withoutSsh)
    expect(await host.advance(MINUTE)).toBe(1)
    expect(await host.healthOf(droplet)).toBe('ready')
    host.setProbe(droplet, up)
    expect(await host.advance(5 * SECOND)).toBe(1)
    host.setProbe(droplet, withoutSsh)
    await host.advance(MINUTE)
    expect(await host.healthOf(droplet)).toBe('ready')
    expect(await host.advance(5 * SECOND)).toBe(1)
    expect(await host.healthOf(droplet)).toBe('degraded')
  })

  test('whose init says that something failed is degraded at once', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    await host.start()
    host.setProbe(droplet, failed)
    await host.advance(MINUTE)
    expect(await host.healthOf(droplet)).toBe('degraded')
  })

  test('that an engine with a clock ahead of ours started has no more time to boot than others', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', noResponse)
    Object.assign(droplet, { startedAt: host.clock.now() + 60 * MINUTE })
    await host.start()
    expect(await host.healthOf(droplet)).toBe('booting')
    await host.advance(2 * MINUTE)
    expect(await host.healthOf(droplet)).toBe('degraded')
  })
})

describe('of many droplets', () => {
  test('four are looked into at once, and who waited longest is next', async () => {
    await using host = createHealthHarness()
    const waiting: (() => void)[] = []
    const droplets = Array.from({ length: 10 }, (_, at) => host.put(`cikit${String(at + 10)}`, up))
    for (const { id } of droplets) {
      host.memoryEngine.probeResults.set(id, () => new Promise(resolve => waiting.push(() => resolve(up))))
    }
    await host.start()
    expect(waiting).toHaveLength(4)
    await host.advance(SECOND)
    expect(waiting).toHaveLength(4)
    while (waiting.length > 0) {
      expect(waiting.length).toBeLessThanOrEqual(4)
      waiting.shift()?.()
      await host.flush()
    }
    expect([...host.memoryEngine.probedIds].sort()).toEqual(droplets.map(({ id }) => id).sort())
  })

  test('where there is one place, it is for the one that is due for longer', async () => {
    await using host = createHealthHarness()
    for (let at = 10; at < 13; at++)
      host.memoryEngine.probeResults.set(host.put(`cikit${at}`, up).id, () => new Promise(() => {}))
    const first = host.put('cikit13', up)
    host.memoryEngine.probeResults.set(first.id, () => {
      throw new ApiError('engineUnavailable')
    })
    await host.start()
    const second = host.put('cikit14', up)
    await host.informer.refresh(second.id)
    await host.advance(10 * SECOND)
    expect(host.memoryEngine.probedIds.slice(4)).toEqual([second.id, first.id])
  })

  test('those that hang keep no other from being looked into', async () => {
    await using host = createHealthHarness()
    for (let at = 10; at < 13; at++)
      host.memoryEngine.probeResults.set(host.put(`cikit${at}`, up).id, () => new Promise(() => {}))
    const others = Array.from({ length: 20 }, (_, at) => host.put(`cikit${at + 20}`, up))
    await host.start()
    await eventually(async () => (await Promise.all(others.map(host.healthOf))).every(health => health === 'ready'))
  })

  test('all that are up are looked into at moments of their own', async () => {
    await using host = createHealthHarness()
    for (let at = 10; at < 90; at++) host.put(`cikit${at}`, up)
    await host.start()
    await eventually(async () => host.memoryEngine.probedIds.length === 80)
    let maxProbes = 0
    for (let second = 0; second < 60; second++) maxProbes = Math.max(maxProbes, await host.advance(SECOND))
    expect(host.memoryEngine.probedIds).toHaveLength(160)
    expect(maxProbes).toBeLessThan(12)
  })
})

describe('while the engine is away', () => {
  const untilAway = (host: ReturnType<typeof createHealthHarness>) =>
    eventually(() =>
      host.informer.list().then(
        () => false,
        () => true,
      ),
    )

  test('nothing is looked into, and when it is back it goes on', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', booting)
    await host.start()
    host.memoryEngine.disconnect()
    await untilAway(host)
    host.memoryEngine.probedIds.length = 0
    for (let count = 0; count < 100; count++) {
      host.clock.advance(MINUTE)
      host.checker.tick()
    }
    expect(host.memoryEngine.probedIds).toEqual([])
    host.setProbe(droplet, up)
    host.memoryEngine.reconnect()
    await eventually(async () => (await host.healthOf(droplet)) === 'ready')
    expect(host.memoryEngine.probedIds).toEqual([droplet.id])
  })

  test('from the beginning on, all is looked into when it is there', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    host.memoryEngine.disconnect()
    host.informer.start()
    host.checker.start()
    await untilAway(host)
    host.memoryEngine.reconnect()
    await eventually(async () => (await host.healthOf(droplet)) === 'ready')
  })
})

test('a first reading that takes too long is asked for again', async () => {
  await using host = createHealthHarness()
  const droplet = host.put('cikit01', up)
  let listCalls = 0
  const informer = {
    ...host.informer,
    async list() {
      if (listCalls++ === 0) throw new ApiError('engineUnavailable')
      return await host.informer.list()
    },
  }
  const { engine } = host.memoryEngine
  const log = createLog({ write: () => {}, readable: false, now: host.clock.now })
  const checker = createHealthChecker({ engine, informer, monotonic: host.clock.monotonic, now: host.clock.now, log })
  checker.start()
  await host.flush()
  checker.tick()
  await eventually(async () => (await host.healthOf(droplet)) === 'ready')
  checker.close()
})

describe('a look that fails', () => {
  test('says nothing of the droplet, is taken again in a while, and is told of once', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    host.memoryEngine.probeResults.set(droplet.id, () => {
      throw new Error('a mistake of ours')
    })
    await host.start()
    expect(await host.healthOf(droplet)).toBeUndefined()
    expect(await host.advance(4_999)).toBe(0)
    expect(await host.advance(1)).toBe(1)
    expect(host.logLines.map(line => JSON.parse(line).message)).toEqual(['droplets cannot be probed'])
    host.setProbe(droplet, up)
    await host.advance(5 * SECOND)
    expect(await host.healthOf(droplet)).toBe('ready')
  })

  test('as the engine did not answer is no line in the log', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    host.memoryEngine.probeResults.set(droplet.id, () => {
      throw new ApiError('engineUnavailable')
    })
    await host.start()
    expect(host.logLines).toEqual([])
    expect(await host.healthOf(droplet)).toBeUndefined()
  })
})

test('after its end nothing is looked into, and what was under way is not noted', async () => {
  await using host = createHealthHarness()
  const answer = Promise.withResolvers<Probe>()
  const droplet = host.put('cikit01', up)
  host.memoryEngine.probeResults.set(droplet.id, () => answer.promise)
  await host.start()
  host.checker.close()
  answer.resolve(up)
  expect(await host.advance(2 * MINUTE)).toBe(0)
  await host.informer.refresh(host.put('cikit02', up).id)
  await host.flush()
  expect(host.memoryEngine.probedIds).toEqual([droplet.id])
  expect(await host.healthOf(droplet)).toBeUndefined()
})

test('it looks by itself, without anybody asking', async () => {
  await using host = createHealthHarness()
  const droplet = host.put('cikit01', booting)
  await host.start()
  host.setProbe(droplet, up)
  host.clock.advance(SECOND)
  await eventually(async () => (await host.healthOf(droplet)) === 'ready')
})
