import { expect, test } from 'bun:test'
import type { ListedDroplet, Usage } from '../../src/droplets/engine.ts'
import type { LiveChange } from '../../src/droplets/live.ts'
import { ApiError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { createStatisticsService } from '../../src/statistics/service.ts'
import type { User } from '../../src/store/users.ts'
import { createClock } from '../_support/clock.ts'
import { aDroplet, listed } from '../_support/droplet.ts'
import { createTaker } from '../_support/followers.ts'

const ann: User = { id: 'id-of-ann', username: 'ann', group: 'viewer', createdAt: 0 }

/** Statistics of droplets that use what the test says, by a clock that is moved by hand. */
function createHost() {
  const clock = createClock()
  const watchers = new Set<(change: LiveChange) => void>()
  const logged: string[] = []
  const asked: string[] = []
  const usages = new Map<string, () => Usage | undefined | Promise<Usage | undefined>>()
  let droplets: ListedDroplet[] | undefined = []
  let holder: User | undefined = ann
  const service = createStatisticsService({
    engine: {
      async usage(id) {
        asked.push(id)
        return await usages.get(id)?.()
      },
    },
    live: {
      listNow: () => droplets,
      watch(watcher) {
        watchers.add(watcher)
        return () => void watchers.delete(watcher)
      },
    },
    auth: { holderOf: () => holder },
    monotonic: clock.monotonic,
    now: clock.now,
    log: createLog({ write: line => void logged.push(line), readable: false, now: clock.now }),
  })
  return {
    service,
    asked,
    usages,
    logged,
    clock,
    /** A droplet that runs, and has used nothing yet. */
    add(name: string) {
      const droplet = listed(aDroplet({ name, createdAt: 0 }))
      const used = { cpuSeconds: 0, networkIn: 0, networkOut: 0, diskRead: 0, diskWritten: 0 }
      const now = { memory: 1_000, memoryLimit: 8_000, processes: 3 }
      usages.set(droplet.id, () => ({ at: clock.now(), ...used, ...now }))
      droplets = [...(droplets ?? []), droplet]
      return { droplet, used, now }
    },
    show: (shown: ListedDroplet[] | undefined) => {
      droplets = shown
    },
    remove(droplet: ListedDroplet): void {
      droplets = droplets?.filter(each => each !== droplet)
      for (const watcher of watchers) watcher({ change: 'removed', droplet })
    },
    endSession: () => {
      holder = undefined
    },
    async pass(milliseconds: number): Promise<void> {
      clock.move(milliseconds)
      await service.turn()
    },
    follow: () => createTaker(service.open('a session', () => undefined)),
  }
}

test('a sample is an average since the one before, and is kept every ten seconds', async () => {
  const host = createHost()
  const { droplet, used, now } = host.add('cikit01')
  await host.pass(0)
  // Of one that was seen once nobody knows what it uses.
  expect(host.service.samplesOf(droplet.id)).toEqual([])
  Object.assign(used, { cpuSeconds: 15, networkIn: 10_240, networkOut: 20, diskRead: 30, diskWritten: 4_096 })
  now.memory = 2_000
  await host.pass(9_999)
  expect(host.service.samplesOf(droplet.id)).toEqual([])
  await host.pass(1)
  expect(host.service.samplesOf(droplet.id)).toEqual([
    {
      at: host.clock.now(),
      ...{ cpu: 1.5, memory: 2_000, memoryLimit: 8_000 },
      ...{ networkIn: 1_024, networkOut: 2, diskRead: 3, diskWritten: 409.6, processes: 3 },
    },
  ])
})

test('an hour is kept, and what is older is not', async () => {
  const host = createHost()
  const { droplet } = host.add('cikit01')
  for (let count = 0; count <= 400; count++) await host.pass(10_000)
  const samples = host.service.samplesOf(droplet.id)
  expect([samples.length, samples[0]?.at, samples.at(-1)?.at]).toEqual([
    360,
    host.clock.now() - 3_590_000,
    host.clock.now(),
  ])
})

test('what was counted before a start, or by a network that is gone, makes nothing negative', async () => {
  const host = createHost()
  const { droplet, used } = host.add('cikit01')
  used.networkIn = 1_000_000
  used.cpuSeconds = 100
  await host.pass(10_000)
  used.networkIn = 10
  used.cpuSeconds = 101
  await host.pass(10_000)
  expect(host.service.samplesOf(droplet.id)).toMatchObject([{ networkIn: 0, cpu: 0.1 }])
  host.show([{ ...droplet, startedAt: host.clock.now() }])
  used.cpuSeconds = 500
  await host.pass(10_000)
  expect(host.service.samplesOf(droplet.id)).toHaveLength(1)
  await host.pass(10_000)
  expect(host.service.samplesOf(droplet.id)).toMatchObject([{ cpu: 0.1 }, { cpu: 0 }])
})

test('one that does not run is not asked, and one that is gone is forgotten', async () => {
  const host = createHost()
  host.service.start()
  const { droplet } = host.add('cikit01')
  const stopped = host.add('cikit02').droplet
  host.show([droplet, { ...stopped, state: 'exited' }])
  await host.pass(10_000)
  await host.pass(10_000)
  expect(new Set(host.asked)).toEqual(new Set([droplet.id]))
  expect(host.service.samplesOf(droplet.id)).toHaveLength(1)
  host.remove(droplet)
  expect(host.service.samplesOf(droplet.id)).toEqual([])
  host.service.close()
})

test('while the engine is away nobody is asked', async () => {
  const host = createHost()
  host.add('cikit01')
  host.show(undefined)
  await host.pass(60_000)
  expect(host.asked).toEqual([])
})

test('one that cannot be measured keeps nobody from the others, and is told of once', async () => {
  const host = createHost()
  const { droplet: broken } = host.add('cikit01')
  const { droplet } = host.add('cikit02')
  host.usages.set(broken.id, () => {
    throw new ApiError('engineUnavailable')
  })
  for (let count = 0; count < 4; count++) await host.pass(10_000)
  expect(host.service.samplesOf(droplet.id)).toHaveLength(3)
  expect(host.logged.map(line => JSON.parse(line).message)).toEqual(['what droplets use is not known'])
})

test('eight are asked at a time, and no round begins before the last is over', async () => {
  const host = createHost()
  const answer = Promise.withResolvers<undefined>()
  for (let count = 1; count <= 20; count++) {
    const { droplet } = host.add(`cikit${count}`)
    host.usages.set(droplet.id, () => answer.promise)
  }
  const turns = [host.pass(10_000), host.pass(10_000)]
  expect(host.asked).toHaveLength(8)
  answer.resolve(undefined)
  await Promise.all(turns)
  expect(host.asked).toHaveLength(20)
})

test('who follows begins with five minutes, and is told every two seconds', async () => {
  const host = createHost()
  const { used } = host.add('cikit01')
  for (let count = 0; count < 40; count++) await host.pass(10_000)
  const stream = host.follow()
  const [, history = ''] = await stream.take()
  const told = JSON.parse(history.split('data: ')[1] ?? '')
  expect(history).toStartWith('event: history\n')
  expect([told.interval, told.droplets.cikit01.length]).toEqual([10, 30])
  used.cpuSeconds = 0.5
  await host.pass(1_999)
  expect(await stream.take()).toEqual([])
  await host.pass(1)
  const time = new Date(host.clock.now()).toISOString()
  expect(await stream.take()).toEqual([
    `event: stats\ndata: {"time":"${time}","droplets":{"cikit01":{"cpu":0.25,"memory":1000,"memory_limit":8000}}}\n\n`,
  ])
  // What is kept stays ten seconds wide.
  expect(told.droplets.cikit01.at(-1)).toEqual({ time: expect.any(String), cpu: 0, memory: 1_000 })
})

test('a stream ends with its session', async () => {
  const host = createHost()
  host.add('cikit01')
  const stream = host.follow()
  await stream.take()
  host.endSession()
  await host.pass(250)
  expect((await stream.rest()).join('')).toContain('"errorId":908')
})
