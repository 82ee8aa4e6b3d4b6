import { describe, expect, test } from 'bun:test'
import type { Droplet, Health, Probe } from '../../src/droplets/engine.ts'
import { createHealthWatch, judge } from '../../src/droplets/health.ts'
import { ApiError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { HOST_KEY } from '../_support/droplet.ts'
import { createTestLive, eventually } from '../_support/live.ts'

const SECOND = 1_000
const MINUTE = 60_000

const silent: Probe = { init: undefined, greets: false, hostKey: undefined }
const booting: Probe = { ...silent, init: 'booting' }
const up: Probe = { init: 'running', greets: true, hostKey: HOST_KEY.key }
const failed: Probe = { ...up, init: 'degraded' }
const deaf: Probe = { ...up, greets: false }

/** Droplets in memory that are watched; the test says what is found in them, and when it is time to look. */
function createWatched() {
  const host = createTestLive()
  const { memory, live, clock, logged } = host
  const log = createLog({ write: line => void logged.push(line), readable: false, now: clock.now })
  const health = createHealthWatch({ engine: memory.engine, live, monotonic: clock.monotonic, now: clock.now, log })
  const settled = () => new Promise(setImmediate)

  return {
    ...host,
    health,
    settled,
    /** A droplet that runs, and what is found in it from now on. */
    put(name: string, found: Probe): Droplet {
      const droplet = host.put(name)
      memory.findings.set(droplet.id, () => found)
      return droplet
    },
    find: (droplet: Droplet, found: Probe) => void memory.findings.set(droplet.id, () => found),
    /** What it is to whoever lists it. */
    of: async ({ id }: Droplet): Promise<Health | undefined> =>
      (await live.list()).find(listed => listed.id === id)?.health,
    /** Begins to watch, and waits for the first looks. */
    async start(): Promise<void> {
      live.start()
      health.start()
      await live.list()
      await settled()
    },
    /** Time passes, at once; then there is a look at all that is due. @returns how many looks */
    async pass(milliseconds: number): Promise<number> {
      const before = memory.probes.length
      clock.move(milliseconds)
      // That long the engine was not heard of.
      await live.list()
      health.turn()
      await settled()
      return memory.probes.length - before
    },
    async [Symbol.asyncDispose]() {
      health.close()
      await live.close()
    },
  }
}

describe('what was found means', () => {
  test.each<[string, Probe, number, Health | undefined, Health]>([
    ['up and greeting', up, SECOND, 'booting', 'ready'],
    ['greeting while init is at it', { ...booting, greets: true }, SECOND, undefined, 'booting'],
    ['still at it after long', booting, 60 * MINUTE, 'booting', 'booting'],
    ['something failed', failed, SECOND, 'booting', 'degraded'],
    ['something failed, and no greeting', { ...failed, greets: false }, SECOND, 'booting', 'degraded'],
    ['greeting, and no word of an init', { ...silent, greets: true }, SECOND, undefined, 'ready'],
    ['nothing, just before its time is up', silent, 2 * MINUTE - 1, 'booting', 'booting'],
    ['nothing, when its time is up', silent, 2 * MINUTE, 'booting', 'degraded'],
    ['up and not greeting yet', deaf, 2 * MINUTE - 1, undefined, 'booting'],
    ['up and never greeting', deaf, 2 * MINUTE, 'booting', 'degraded'],
    ['not greeting any more', deaf, SECOND, 'ready', 'degraded'],
    ['nothing of what failed before', silent, SECOND, 'degraded', 'degraded'],
  ])('%s', (_, probe, age, before, health) => {
    expect(judge(probe, age, before)).toBe(health)
  })
})

describe('a droplet', () => {
  test('that boots is looked into every second, until it is up; its key is noted', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', booting)
    await host.start()
    expect(await host.of(droplet)).toBe('booting')
    expect(await host.pass(999)).toBe(0)
    expect(await host.pass(1)).toBe(1)
    host.find(droplet, up)
    expect(await host.pass(SECOND)).toBe(1)
    expect(await host.live.list()).toMatchObject([{ health: 'ready', hostKey: HOST_KEY.key }])
    // Its own moment in the minute may be among these.
    let looks = 0
    for (let count = 0; count < 30; count++) looks += await host.pass(SECOND)
    expect(looks).toBeLessThanOrEqual(1)
  })

  test.each([
    ['up', up, 'ready'],
    ['degraded', failed, 'degraded'],
  ] as const)('that is %s is looked into once a minute', async (_, found, health) => {
    await using host = createWatched()
    const droplet = host.put('cikit01', found)
    await host.start()
    expect(await host.of(droplet)).toBe(health)
    let looks = 0
    for (let second = 0; second < 600; second++) looks += await host.pass(SECOND)
    expect(looks).toBe(10)
  })

  test('that boots for long is looked into ever less often, and never less than once a minute', async () => {
    await using host = createWatched()
    host.put('cikit01', booting)
    await host.start()
    const looks = async (seconds: number) => {
      let count = 0
      for (let second = 0; second < seconds; second++) count += await host.pass(SECOND)
      return count
    }
    expect(await looks(60)).toBe(60)
    expect(await looks(540)).toBeLessThan(200)
    await looks(3_000)
    expect(await looks(600)).toBeWithin(10, 13)
  })

  test('in which a look takes long is left in peace for ten times that', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', booting)
    host.memory.findings.set(droplet.id, () => {
      host.clock.move(400)
      return booting
    })
    await host.start()
    expect(await host.pass(3_999)).toBe(0)
    expect(await host.pass(1)).toBe(1)
  })

  test('that appears, or is started, is looked into half a second later', async () => {
    await using host = createWatched()
    await host.start()
    const droplet = host.put('cikit01', up)
    await host.live.look(droplet.id)
    expect(await host.pass(499)).toBe(0)
    expect(await host.pass(1)).toBe(1)
    expect(await host.of(droplet)).toBe('ready')
    host.find(droplet, booting)
    Object.assign(droplet, { startedAt: host.clock.now() + 1 })
    await host.live.look(droplet.id)
    expect(await host.pass(500)).toBe(1)
    expect(await host.of(droplet)).toBe('booting')
  })

  test('that stops is nothing any more, and not looked into', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', up)
    await host.start()
    Object.assign(droplet, { state: 'exited' })
    await host.live.look(droplet.id)
    expect(await host.of(droplet)).toBeUndefined()
    expect(await host.pass(2 * MINUTE)).toBe(0)
  })

  test('that is paused and goes on is looked into half a second later', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', up)
    await host.start()
    for (const state of ['paused', 'running']) {
      Object.assign(droplet, { state })
      await host.live.look(droplet.id)
    }
    expect(await host.pass(499)).toBe(0)
    expect(await host.pass(1)).toBe(1)
    expect(await host.of(droplet)).toBe('ready')
  })

  test('that was started anew while it was looked into is not what was found in the one before', async () => {
    await using host = createWatched()
    const answers = [Promise.withResolvers<Probe>(), Promise.withResolvers<Probe>()]
    const droplet = host.put('cikit01', up)
    let asked = 0
    host.memory.findings.set(droplet.id, () => answers[asked++]?.promise ?? silent)
    await host.start()
    Object.assign(droplet, { startedAt: host.clock.now() + 1 })
    await host.live.look(droplet.id)
    await host.pass(500)
    answers[1]?.resolve(booting)
    await host.settled()
    answers[0]?.resolve(up)
    await host.settled()
    expect(await host.of(droplet)).toBe('booting')
  })

  test('that was ready is not taken for degraded because a greeting failed once', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', up)
    await host.start()
    host.find(droplet, deaf)
    expect(await host.pass(MINUTE)).toBe(1)
    expect(await host.of(droplet)).toBe('ready')
    host.find(droplet, up)
    expect(await host.pass(5 * SECOND)).toBe(1)
    host.find(droplet, deaf)
    await host.pass(MINUTE)
    expect(await host.of(droplet)).toBe('ready')
    expect(await host.pass(5 * SECOND)).toBe(1)
    expect(await host.of(droplet)).toBe('degraded')
  })

  test('whose init says that something failed is degraded at once', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', up)
    await host.start()
    host.find(droplet, failed)
    await host.pass(MINUTE)
    expect(await host.of(droplet)).toBe('degraded')
  })

  test('that an engine with a clock ahead of ours started has no more time to boot than others', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', silent)
    Object.assign(droplet, { startedAt: host.clock.now() + 60 * MINUTE })
    await host.start()
    expect(await host.of(droplet)).toBe('booting')
    await host.pass(2 * MINUTE)
    expect(await host.of(droplet)).toBe('degraded')
  })
})

describe('of many droplets', () => {
  test('four are looked into at once, and who waited longest is next', async () => {
    await using host = createWatched()
    const waiting: (() => void)[] = []
    const droplets = Array.from({ length: 10 }, (_, at) => host.put(`cikit${String(at + 10)}`, up))
    for (const { id } of droplets) {
      host.memory.findings.set(id, () => new Promise(resolve => waiting.push(() => resolve(up))))
    }
    await host.start()
    expect(waiting).toHaveLength(4)
    await host.pass(SECOND)
    expect(waiting).toHaveLength(4)
    while (waiting.length > 0) {
      expect(waiting.length).toBeLessThanOrEqual(4)
      waiting.shift()?.()
      await host.settled()
    }
    expect([...host.memory.probes].sort()).toEqual(droplets.map(({ id }) => id).sort())
  })

  test('where there is one place, it is for the one that is due for longer', async () => {
    await using host = createWatched()
    for (let at = 10; at < 13; at++)
      host.memory.findings.set(host.put(`cikit${at}`, up).id, () => new Promise(() => {}))
    const first = host.put('cikit13', up)
    host.memory.findings.set(first.id, () => {
      throw new ApiError('engineUnavailable')
    })
    await host.start()
    const second = host.put('cikit14', up)
    await host.live.look(second.id)
    await host.pass(10 * SECOND)
    expect(host.memory.probes.slice(4)).toEqual([second.id, first.id])
  })

  test('those that hang keep no other from being looked into', async () => {
    await using host = createWatched()
    for (let at = 10; at < 13; at++)
      host.memory.findings.set(host.put(`cikit${at}`, up).id, () => new Promise(() => {}))
    const others = Array.from({ length: 20 }, (_, at) => host.put(`cikit${at + 20}`, up))
    await host.start()
    await eventually(async () => (await Promise.all(others.map(host.of))).every(health => health === 'ready'))
  })

  test('all that are up are looked into at moments of their own', async () => {
    await using host = createWatched()
    for (let at = 10; at < 90; at++) host.put(`cikit${at}`, up)
    await host.start()
    await eventually(async () => host.memory.probes.length === 80)
    let most = 0
    for (let second = 0; second < 60; second++) most = Math.max(most, await host.pass(SECOND))
    expect(host.memory.probes).toHaveLength(160)
    expect(most).toBeLessThan(12)
  })
})

describe('while the engine is away', () => {
  const isAway = (host: ReturnType<typeof createWatched>) =>
    eventually(() =>
      host.live.list().then(
        () => false,
        () => true,
      ),
    )

  test('nothing is looked into, and when it is back it goes on', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', booting)
    await host.start()
    host.memory.goAway()
    await isAway(host)
    host.memory.probes.length = 0
    for (let count = 0; count < 100; count++) {
      host.clock.move(MINUTE)
      host.health.turn()
    }
    expect(host.memory.probes).toEqual([])
    host.find(droplet, up)
    host.memory.comeBack()
    await eventually(async () => (await host.of(droplet)) === 'ready')
    expect(host.memory.probes).toEqual([droplet.id])
  })

  test('from the beginning on, all is looked into when it is there', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', up)
    host.memory.goAway()
    host.live.start()
    host.health.start()
    await isAway(host)
    host.memory.comeBack()
    await eventually(async () => (await host.of(droplet)) === 'ready')
  })
})

test('a first reading that takes too long is asked for again', async () => {
  await using host = createWatched()
  const droplet = host.put('cikit01', up)
  let lists = 0
  const live = {
    ...host.live,
    async list() {
      if (lists++ === 0) throw new ApiError('engineUnavailable')
      return await host.live.list()
    },
  }
  const { engine } = host.memory
  const log = createLog({ write: () => {}, readable: false, now: host.clock.now })
  const health = createHealthWatch({ engine, live, monotonic: host.clock.monotonic, now: host.clock.now, log })
  health.start()
  await host.settled()
  health.turn()
  await eventually(async () => (await host.of(droplet)) === 'ready')
  health.close()
})

describe('a look that fails', () => {
  test('says nothing of the droplet, is taken again in a while, and is told of once', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', up)
    host.memory.findings.set(droplet.id, () => {
      throw new Error('a mistake of ours')
    })
    await host.start()
    expect(await host.of(droplet)).toBeUndefined()
    expect(await host.pass(4_999)).toBe(0)
    expect(await host.pass(1)).toBe(1)
    expect(host.logged.map(line => JSON.parse(line).message)).toEqual(['droplets cannot be looked into'])
    host.find(droplet, up)
    await host.pass(5 * SECOND)
    expect(await host.of(droplet)).toBe('ready')
  })

  test('as the engine did not answer is no line in the log', async () => {
    await using host = createWatched()
    const droplet = host.put('cikit01', up)
    host.memory.findings.set(droplet.id, () => {
      throw new ApiError('engineUnavailable')
    })
    await host.start()
    expect(host.logged).toEqual([])
    expect(await host.of(droplet)).toBeUndefined()
  })
})

test('after its end nothing is looked into, and what was under way is not noted', async () => {
  await using host = createWatched()
  const answer = Promise.withResolvers<Probe>()
  const droplet = host.put('cikit01', up)
  host.memory.findings.set(droplet.id, () => answer.promise)
  await host.start()
  host.health.close()
  answer.resolve(up)
  expect(await host.pass(2 * MINUTE)).toBe(0)
  await host.live.look(host.put('cikit02', up).id)
  await host.settled()
  expect(host.memory.probes).toEqual([droplet.id])
  expect(await host.of(droplet)).toBeUndefined()
})

test('it looks by itself, without anybody asking', async () => {
  await using host = createWatched()
  const droplet = host.put('cikit01', booting)
  await host.start()
  host.find(droplet, up)
  host.clock.move(SECOND)
  await eventually(async () => (await host.of(droplet)) === 'ready')
})
