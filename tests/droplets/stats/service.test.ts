import { expect, test } from 'bun:test'
import { ApiError } from '../../../src/core/errors.ts'
import { createLog } from '../../../src/core/log.ts'
import type { ListedDroplet, Usage } from '../../../src/droplets/engine.ts'
import type { InformerChange } from '../../../src/droplets/informer.ts'
import { createStatsService } from '../../../src/droplets/stats/service.ts'
import type { User } from '../../../src/store/users.ts'
import { createTestDroplet, toListed } from '../../testkit/droplets/droplet.ts'
import { createStreamReader } from '../../testkit/events/event-streams.ts'
import { createManualClock } from '../../testkit/manual-clock.ts'

const ann: User = { id: 'id-of-ann', username: 'ann', group: 'viewer', createdAt: 0 }

/** The stats service with usages set by the test and a manual clock. */
function createStatsHarness() {
  const clock = createManualClock()
  const listeners = new Set<(change: InformerChange) => void>()
  const logged: string[] = []
  const measuredIds: string[] = []
  const usages = new Map<string, () => Usage | undefined | Promise<Usage | undefined>>()
  let droplets: ListedDroplet[] | undefined = []
  let holder: User | undefined = ann
  const service = createStatsService({
    engine: {
      async usage(id) {
        measuredIds.push(id)
        return await usages.get(id)?.()
      },
    },
    informer: {
      cachedList: () => droplets,
      watch(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    auth: { userOfSession: () => holder },
    monotonic: clock.monotonic,
    now: clock.now,
    log: createLog({ write: line => void logged.push(line), readable: false, now: clock.now }),
  })
  return {
    service,
    measuredIds,
    usages,
    logged,
    clock,
    /** A running droplet that has used nothing yet. */
    add(name: string) {
      const droplet = toListed(createTestDroplet({ name, createdAt: 0 }))
      const counters = { cpuSeconds: 0, networkIn: 0, networkOut: 0, diskRead: 0, diskWritten: 0 }
      const gauges = { memory: 1_000, memoryLimit: 8_000, processes: 3 }
      usages.set(droplet.id, () => ({ at: clock.now(), ...counters, ...gauges }))
      droplets = [...(droplets ?? []), droplet]
      return { droplet, counters, gauges }
    },
    setDroplets: (next: ListedDroplet[] | undefined) => {
      droplets = next
    },
    remove(droplet: ListedDroplet): void {
      droplets = droplets?.filter(each => each !== droplet)
      for (const listener of listeners) listener({ change: 'removed', droplet })
    },
    endSession: () => {
      holder = undefined
    },
    async advance(milliseconds: number): Promise<void> {
      clock.advance(milliseconds)
      await service.tick()
    },
    openStream: () => createStreamReader(service.open('a session', () => undefined)),
  }
}

test('stores a sample every ten seconds, averaged since the previous one', async () => {
  const harness = createStatsHarness()
  const { droplet, counters, gauges } = harness.add('cikit01')
  await harness.advance(0)
  // A first measurement yields no rates.
  expect(harness.service.samplesOf(droplet.id)).toEqual([])
  Object.assign(counters, { cpuSeconds: 15, networkIn: 10_240, networkOut: 20, diskRead: 30, diskWritten: 4_096 })
  gauges.memory = 2_000
  await harness.advance(9_999)
  expect(harness.service.samplesOf(droplet.id)).toEqual([])
  await harness.advance(1)
  expect(harness.service.samplesOf(droplet.id)).toEqual([
    {
      at: harness.clock.now(),
      ...{ cpu: 1.5, memory: 2_000, memoryLimit: 8_000 },
      ...{ networkIn: 1_024, networkOut: 2, diskRead: 3, diskWritten: 409.6, processes: 3 },
    },
  ])
})

test('keeps one hour of samples', async () => {
  const harness = createStatsHarness()
  const { droplet } = harness.add('cikit01')
  for (let count = 0; count <= 400; count++) await harness.advance(10_000)
  const samples = harness.service.samplesOf(droplet.id)
  expect([samples.length, samples[0]?.at, samples.at(-1)?.at]).toEqual([
    360,
    harness.clock.now() - 3_590_000,
    harness.clock.now(),
  ])
})

test('counters that drop after a restart or a removed network yield no negative rates', async () => {
  const harness = createStatsHarness()
  const { droplet, counters } = harness.add('cikit01')
  counters.networkIn = 1_000_000
  counters.cpuSeconds = 100
  await harness.advance(10_000)
  counters.networkIn = 10
  counters.cpuSeconds = 101
  await harness.advance(10_000)
  expect(harness.service.samplesOf(droplet.id)).toMatchObject([{ networkIn: 0, cpu: 0.1 }])
  harness.setDroplets([{ ...droplet, startedAt: harness.clock.now() }])
  counters.cpuSeconds = 500
  await harness.advance(10_000)
  expect(harness.service.samplesOf(droplet.id)).toHaveLength(1)
  await harness.advance(10_000)
  expect(harness.service.samplesOf(droplet.id)).toMatchObject([{ cpu: 0.1 }, { cpu: 0 }])
})

test('does not measure stopped droplets, and removes the samples of removed ones', async () => {
  const harness = createStatsHarness()
  harness.service.start()
  const { droplet } = harness.add('cikit01')
  const stopped = harness.add('cikit02').droplet
  harness.setDroplets([droplet, { ...stopped, state: 'exited' }])
  await harness.advance(10_000)
  await harness.advance(10_000)
  expect(new Set(harness.measuredIds)).toEqual(new Set([droplet.id]))
  expect(harness.service.samplesOf(droplet.id)).toHaveLength(1)
  harness.remove(droplet)
  expect(harness.service.samplesOf(droplet.id)).toEqual([])
  harness.service.close()
})

test('measures nothing while the engine is away', async () => {
  const harness = createStatsHarness()
  harness.add('cikit01')
  harness.setDroplets(undefined)
  await harness.advance(60_000)
  expect(harness.measuredIds).toEqual([])
})

test('a failure for one droplet does not affect the others, and is logged once', async () => {
  const harness = createStatsHarness()
  const { droplet: broken } = harness.add('cikit01')
  const { droplet } = harness.add('cikit02')
  harness.usages.set(broken.id, () => {
    throw new ApiError('engineUnavailable')
  })
  for (let count = 0; count < 4; count++) await harness.advance(10_000)
  expect(harness.service.samplesOf(droplet.id)).toHaveLength(3)
  expect(harness.logged.map(line => JSON.parse(line).message)).toEqual([
    'the resource usage of droplets cannot be read',
  ])
})

test('measures eight at a time, one round after another', async () => {
  const harness = createStatsHarness()
  const measurement = Promise.withResolvers<undefined>()
  for (let count = 1; count <= 20; count++) {
    const { droplet } = harness.add(`cikit${count}`)
    harness.usages.set(droplet.id, () => measurement.promise)
  }
  const rounds = [harness.advance(10_000), harness.advance(10_000)]
  expect(harness.measuredIds).toHaveLength(8)
  measurement.resolve(undefined)
  await Promise.all(rounds)
  expect(harness.measuredIds).toHaveLength(20)
})

test('a stream starts with five minutes of history and continues every two seconds', async () => {
  const harness = createStatsHarness()
  const { counters } = harness.add('cikit01')
  for (let count = 0; count < 40; count++) await harness.advance(10_000)
  const stream = harness.openStream()
  const [, history = ''] = await stream.readAvailable()
  const historyBody = JSON.parse(history.split('data: ')[1] ?? '')
  expect(history).toStartWith('event: history\n')
  expect([historyBody.interval, historyBody.droplets.cikit01.length]).toEqual([10, 30])
  counters.cpuSeconds = 0.5
  await harness.advance(1_999)
  expect(await stream.readAvailable()).toEqual([])
  await harness.advance(1)
  const time = new Date(harness.clock.now()).toISOString()
  expect(await stream.readAvailable()).toEqual([
    `event: stats\ndata: {"time":"${time}","droplets":{"cikit01":{"cpu":0.25,"memory":1000,"memory_limit":8000}}}\n\n`,
  ])
  // Stored samples stay ten seconds apart.
  expect(historyBody.droplets.cikit01.at(-1)).toEqual({ time: expect.any(String), cpu: 0, memory: 1_000 })
})

test('a stream ends with its session', async () => {
  const harness = createStatsHarness()
  harness.add('cikit01')
  const stream = harness.openStream()
  await stream.readAvailable()
  harness.endSession()
  await harness.advance(250)
  expect((await stream.readToEnd()).join('')).toContain('"errorId":908')
})
