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

/** A health checker over an in-memory engine; the test sets probe results and advances the clock. */
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
    /** Adds a running droplet with this probe result. */
    put(name: string, probe: Probe): Droplet {
      const droplet = host.addDroplet(name)
      memoryEngine.probeResults.set(droplet.id, () => probe)
      return droplet
    },
    setProbe: (droplet: Droplet, probe: Probe) => void memoryEngine.probeResults.set(droplet.id, () => probe),
    /** The listed health. */
    healthOf: async ({ id }: Droplet): Promise<Health | undefined> =>
      (await informer.list()).find(listed => listed.id === id)?.health,
    /** Starts, and waits for the first probes. */
    async start(): Promise<void> {
      informer.start()
      checker.start()
      await informer.list()
      await flush()
    },
    /** Advances the clock and probes what is due. @returns the number of probes */
    async advance(milliseconds: number): Promise<number> {
      const before = memoryEngine.probedIds.length
      clock.advance(milliseconds)
      // The informer has not heard from the engine for that long.
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

describe('evaluates a probe:', () => {
  test.each<[string, Probe, number, Health | undefined, Health]>([
    ['init done, SSH responds', up, SECOND, 'booting', 'ready'],
    ['init running, SSH responds', { ...booting, sshResponds: true }, SECOND, undefined, 'booting'],
    ['init still running after an hour', booting, 60 * MINUTE, 'booting', 'booting'],
    ['a unit failed, SSH responds', failed, SECOND, 'booting', 'degraded'],
    ['a unit failed, SSH does not respond', { ...failed, sshResponds: false }, SECOND, 'booting', 'degraded'],
    ['no init, SSH responds', { ...noResponse, sshResponds: true }, SECOND, undefined, 'ready'],
    ['no response just before the boot timeout', noResponse, 2 * MINUTE - 1, 'booting', 'booting'],
    ['no response at the boot timeout', noResponse, 2 * MINUTE, 'booting', 'degraded'],
    ['init done, no SSH before the boot timeout', withoutSsh, 2 * MINUTE - 1, undefined, 'booting'],
    ['init done, no SSH at the boot timeout', withoutSsh, 2 * MINUTE, 'booting', 'degraded'],
    ['was ready, SSH does not respond', withoutSsh, SECOND, 'ready', 'degraded'],
    ['was degraded, no response', noResponse, SECOND, 'degraded', 'degraded'],
  ])('%s', (_, probe, age, before, health) => {
    expect(evaluateHealth(probe, age, before)).toBe(health)
  })
})

describe('a droplet', () => {
  test('is probed every second while booting, until it is ready with its host key', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', booting)
    await host.start()
    expect(await host.healthOf(droplet)).toBe('booting')
    expect(await host.advance(999)).toBe(0)
    expect(await host.advance(1)).toBe(1)
    host.setProbe(droplet, up)
    expect(await host.advance(SECOND)).toBe(1)
    expect(await host.informer.list()).toMatchObject([{ health: 'ready', hostKey: HOST_KEY.key }])
    // Its slot in the minute may be among these.
    let probeCount = 0
    for (let count = 0; count < 30; count++) probeCount += await host.advance(SECOND)
    expect(probeCount).toBeLessThanOrEqual(1)
  })

  test.each([
    ['up', up, 'ready'],
    ['degraded', failed, 'degraded'],
  ] as const)('that is %s is probed once a minute', async (_, probe, health) => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', probe)
    await host.start()
    expect(await host.healthOf(droplet)).toBe(health)
    let probeCount = 0
    for (let second = 0; second < 600; second++) probeCount += await host.advance(SECOND)
    expect(probeCount).toBe(10)
  })

  test('is probed less often the longer it boots, but at least once a minute', async () => {
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

  test('is not probed for ten times the duration of a slow probe', async () => {
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

  test('is probed half a second after it appears or starts', async () => {
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

  test('loses its health when it stops, and is no longer probed', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    await host.start()
    Object.assign(droplet, { state: 'exited' })
    await host.informer.refresh(droplet.id)
    expect(await host.healthOf(droplet)).toBeUndefined()
    expect(await host.advance(2 * MINUTE)).toBe(0)
  })

  test('is probed half a second after it is unpaused', async () => {
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

  test('ignores the probe of a previous run', async () => {
    await using host = createHealthHarness()
    const probes = [Promise.withResolvers<Probe>(), Promise.withResolvers<Probe>()]
    const droplet = host.put('cikit01', up)
    let probeCalls = 0
    host.memoryEngine.probeResults.set(droplet.id, () => probes[probeCalls++]?.promise ?? noResponse)
    await host.start()
    Object.assign(droplet, { startedAt: host.clock.now() + 1 })
    await host.informer.refresh(droplet.id)
    await host.advance(500)
    probes[1]?.resolve(booting)
    await host.flush()
    probes[0]?.resolve(up)
    await host.flush()
    expect(await host.healthOf(droplet)).toBe('booting')
  })

  test('stays ready after a single missing banner', async () => {
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

  test('is degraded at once if its init reports a failure', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    await host.start()
    host.setProbe(droplet, failed)
    await host.advance(MINUTE)
    expect(await host.healthOf(droplet)).toBe('degraded')
  })

  test('has the same boot timeout if the engine’s clock is ahead', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', noResponse)
    Object.assign(droplet, { startedAt: host.clock.now() + 60 * MINUTE })
    await host.start()
    expect(await host.healthOf(droplet)).toBe('booting')
    await host.advance(2 * MINUTE)
    expect(await host.healthOf(droplet)).toBe('degraded')
  })
})

describe('with many droplets', () => {
  test('probes four at a time, the longest overdue first', async () => {
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

  test('a free slot goes to the longest overdue droplet', async () => {
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

  test('hanging probes do not block the others', async () => {
    await using host = createHealthHarness()
    for (let at = 10; at < 13; at++)
      host.memoryEngine.probeResults.set(host.put(`cikit${at}`, up).id, () => new Promise(() => {}))
    const others = Array.from({ length: 20 }, (_, at) => host.put(`cikit${at + 20}`, up))
    await host.start()
    await eventually(async () => (await Promise.all(others.map(host.healthOf))).every(health => health === 'ready'))
  })

  test('spreads the probes of ready droplets over the minute', async () => {
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

  test('probes nothing, and continues when it is back', async () => {
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

  test('probes everything when it appears for the first time', async () => {
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

test('retries a first list that timed out', async () => {
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

describe('a failed probe', () => {
  test('leaves the health unchanged, is retried, and is logged once', async () => {
    await using host = createHealthHarness()
    const droplet = host.put('cikit01', up)
    host.memoryEngine.probeResults.set(droplet.id, () => {
      throw new Error('a programming error')
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

  test('is not logged when the engine is unavailable', async () => {
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

test('after the close, probes nothing and discards running probes', async () => {
  await using host = createHealthHarness()
  const probe = Promise.withResolvers<Probe>()
  const droplet = host.put('cikit01', up)
  host.memoryEngine.probeResults.set(droplet.id, () => probe.promise)
  await host.start()
  host.checker.close()
  probe.resolve(up)
  expect(await host.advance(2 * MINUTE)).toBe(0)
  await host.informer.refresh(host.put('cikit02', up).id)
  await host.flush()
  expect(host.memoryEngine.probedIds).toEqual([droplet.id])
  expect(await host.healthOf(droplet)).toBeUndefined()
})

test('probes periodically after the start', async () => {
  await using host = createHealthHarness()
  const droplet = host.put('cikit01', booting)
  await host.start()
  host.setProbe(droplet, up)
  host.clock.advance(SECOND)
  await eventually(async () => (await host.healthOf(droplet)) === 'ready')
})
