import { describe, expect, test } from 'bun:test'
import type { LiveChange } from '../../src/droplets/live.ts'
import { createHeldLive, createTestLive, eventually } from '../_support/live.ts'

type Host = ReturnType<typeof createTestLive>

/** What a watcher is told, from the first reading on. */
async function watched(host: Host) {
  const changes: LiveChange[] = []
  const end = host.live.watch(change => void changes.push(change))
  await host.live.list()
  return { changes, end, told: () => changes.map(worded) }
}

function worded(change: LiveChange): string {
  return 'droplet' in change ? `${change.change} ${change.droplet.name} ${change.droplet.state}` : change.change
}

const facts = { health: 'ready', hostKey: 'ssh-ed25519 AAAA' } as const

test('what appears, changes and goes is told, once each, and what was there at the beginning is not', async () => {
  await using host = createTestLive()
  host.put('cikit01')
  const { told } = await watched(host)
  const droplet = host.put('cikit02')
  await host.live.look(droplet.id)
  Object.assign(droplet, { state: 'exited', exitCode: 137 })
  await host.live.look(droplet.id)
  host.memory.droplets.shift()
  await host.live.look(droplet.id)
  expect(told()).toEqual(['added cikit02 running', 'changed cikit02 exited', 'removed cikit02 exited'])
})

test('a look that finds all as it was tells nothing, and leaves the list the same', async () => {
  await using host = createTestLive()
  const { id } = host.put('cikit01')
  const { told } = await watched(host)
  const before = await host.live.list()
  await host.live.look(id)
  await host.live.look('0'.repeat(64))
  expect(told()).toEqual([])
  expect(await host.live.list()).toBe(before)
})

test('when a change is told, the list has it', async () => {
  await using host = createTestLive()
  const lists: Promise<readonly unknown[]>[] = []
  await host.live.list()
  host.live.watch(() => void lists.push(host.live.list()))
  await host.live.look(host.put('cikit01').id)
  expect(await Promise.all(lists)).toMatchObject([[{ name: 'cikit01' }]])
})

test('an event is enough', async () => {
  await using host = createTestLive()
  const { told } = await watched(host)
  host.memory.tell(host.put('cikit01').id)
  await eventually(async () => told().join() === 'added cikit01 running')
})

test('who stopped watching is told nothing more, and the others are', async () => {
  await using host = createTestLive()
  const one = await watched(host)
  const other = await watched(host)
  one.end()
  await host.live.look(host.put('cikit01').id)
  expect(one.told()).toEqual([])
  expect(other.told()).toEqual(['added cikit01 running'])
})

test('a watcher that fails harms neither the others nor the list', async () => {
  await using host = createTestLive()
  host.live.watch(() => {
    throw new Error('no')
  })
  const { told } = await watched(host)
  await host.live.look(host.put('cikit01').id)
  expect(told()).toEqual(['added cikit01 running'])
  expect(await host.names()).toEqual(['cikit01'])
  expect(host.logged.map(line => JSON.parse(line).message)).toEqual(['a watcher of the droplets failed'])
})

describe('an engine that goes away', () => {
  test('is told of once, as is its coming back, and then what was missed', async () => {
    await using host = createTestLive()
    const stopped = host.put('cikit01')
    const gone = host.put('cikit02')
    host.put('cikit03')
    const { told } = await watched(host)
    host.memory.goAway()
    await eventually(async () => told().length > 0)
    for (let count = 0; count < 3; count++) await host.live.list().catch(() => undefined)
    Object.assign(stopped, { state: 'exited' })
    host.memory.droplets.splice(host.memory.droplets.indexOf(gone), 1)
    host.put('cikit04')
    host.memory.comeBack()
    await host.live.list()
    expect(told().slice(0, 3)).toEqual(['away', 'back', 'removed cikit02 running'])
    expect(told().slice(3).sort()).toEqual(['added cikit04 running', 'changed cikit01 exited'])
  })

  test('and was never there is away, and what its first reading finds is no change', async () => {
    await using host = createTestLive()
    host.put('cikit01')
    host.memory.goAway()
    const changes: LiveChange[] = []
    host.live.watch(change => void changes.push(change))
    await host.live.list().catch(() => undefined)
    host.memory.comeBack()
    await host.live.list()
    expect(changes.map(worded)).toEqual(['away', 'back'])
  })

  test('after the end is nobody’s concern', async () => {
    const host = createTestLive()
    const { told } = await watched(host)
    await host.live.close()
    host.memory.goAway()
    await new Promise(setImmediate)
    expect(told()).toEqual([])
  })
})

describe('what is found within a droplet', () => {
  test('is unknown at first, and then listed and told', async () => {
    await using host = createTestLive()
    const { id, startedAt } = host.put('cikit01')
    const { changes } = await watched(host)
    const before = await host.live.list()
    expect(before).toMatchObject([{ health: undefined, hostKey: undefined }])
    host.live.note(id, startedAt, facts)
    expect(changes).toMatchObject([{ change: 'changed', droplet: { name: 'cikit01', ...facts } }])
    expect(await host.live.list()).toMatchObject([facts])
    expect(await host.live.list()).not.toBe(before)
  })

  test('is told once', async () => {
    await using host = createTestLive()
    const { id, startedAt } = host.put('cikit01')
    const { changes } = await watched(host)
    for (let count = 0; count < 3; count++) host.live.note(id, startedAt, { ...facts })
    expect(changes).toHaveLength(1)
  })

  test('outlasts a look and an engine that was away', async () => {
    await using host = createTestLive()
    const { id, startedAt } = host.put('cikit01')
    const { told } = await watched(host)
    host.live.note(id, startedAt, facts)
    await host.live.look(id)
    host.memory.goAway()
    await eventually(async () => told().includes('away'))
    host.memory.comeBack()
    expect(await host.live.list()).toMatchObject([facts])
    expect(told()).toEqual(['changed cikit01 running', 'away', 'back'])
  })

  test('ends with its run', async () => {
    await using host = createTestLive()
    const droplet = host.put('cikit01')
    await host.live.list()
    host.live.note(droplet.id, droplet.startedAt, facts)
    Object.assign(droplet, { state: 'exited' })
    await host.live.look(droplet.id)
    expect(await host.live.list()).toMatchObject([{ health: undefined, hostKey: undefined }])
  })

  test('is no news of a droplet that was stopped, started anew or removed meanwhile', async () => {
    await using host = createTestLive()
    const [anew, stopped, removed] = [host.put('cikit01'), host.put('cikit02'), host.put('cikit03')]
    const { told } = await watched(host)
    const begun = [anew, stopped, removed].map(({ id, startedAt }) => ({ id, startedAt }))
    Object.assign(anew, { startedAt: host.clock.now() })
    Object.assign(stopped, { state: 'exited' })
    host.memory.droplets.shift()
    for (const { id } of begun) await host.live.look(id)
    const before = told().length
    for (const { id, startedAt } of begun) host.live.note(id, startedAt, facts)
    expect(told()).toHaveLength(before)
    expect(await host.live.list()).toMatchObject([{ health: undefined }, { health: undefined }])
  })
})

describe('a droplet whose end is told', () => {
  const at = Date.parse('2026-01-02T03:04:06.500Z')

  test('has ended before the engine answers for it', async () => {
    const answered = Promise.withResolvers<void>()
    let isHeld = false
    await using host = createTestLive(engine => ({
      async inspect(id) {
        if (isHeld) await answered.promise
        return await engine.inspect(id)
      },
    }))
    const droplet = host.put('cikit01')
    Object.assign(droplet, { ports: { '22': { type: 'tcp', from: { ip: '0.0.0.0', port: 2201 } } } })
    await host.live.list()
    host.live.note(droplet.id, droplet.startedAt, facts)
    const { told } = await watched(host)
    isHeld = true
    host.memory.tell(droplet.id, { stopped: { exitCode: 137, at } })
    await eventually(async () => told().length > 0)
    expect(told()).toEqual(['changed cikit01 exited'])
    expect(await host.live.list()).toMatchObject([
      { state: 'exited', exitCode: 137, finishedAt: at, health: undefined, hostKey: undefined },
    ])
    expect((await host.live.list())[0]?.ports).toEqual({})
    Object.assign(droplet, { state: 'exited', exitCode: 137, finishedAt: at + 1 })
    answered.resolve()
    await eventually(async () => (await host.live.list())[0]?.finishedAt === at + 1)
  })

  test('is not taken for running by an answer that was asked for before', async () => {
    const asked = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    let isHeld = false
    await using host = createTestLive(engine => ({
      async inspect(id) {
        const found = await engine.inspect(id)
        if (!isHeld) return found
        isHeld = false
        asked.resolve()
        await answered.promise
        return found
      },
    }))
    const droplet = host.put('cikit01')
    const { told } = await watched(host)
    isHeld = true
    const looking = host.live.look(droplet.id)
    await asked.promise
    Object.assign(droplet, { state: 'exited', exitCode: 0, finishedAt: at, ports: {} })
    host.memory.tell(droplet.id, { stopped: { exitCode: 0, at } })
    await eventually(async () => told().length > 0)
    answered.resolve()
    await looking
    expect(told()).toEqual(['changed cikit01 exited'])
    expect(await host.live.list()).toMatchObject([{ state: 'exited' }])
  })

  test('is not taken for running either when the look at its end takes longer still', async () => {
    await using host = createHeldLive()
    const droplet = host.put('cikit01')
    const { told } = await watched(host)
    host.hold()
    const looking = host.live.look(droplet.id)
    await eventually(async () => host.held.length === 1)
    Object.assign(droplet, { state: 'exited', exitCode: 0, finishedAt: at, ports: {} })
    host.memory.tell(droplet.id, { stopped: { exitCode: 0, at } })
    await eventually(async () => host.held.length === 2)
    host.held[0]?.()
    await looking
    expect(told()).toEqual(['changed cikit01 exited'])
    host.held[1]?.()
  })

  test('while all are read is not missing when the look at its end takes longer', async () => {
    await using host = createHeldLive()
    host.hold()
    const droplet = host.put('cikit01')
    const names = host.names()
    await eventually(async () => host.held.length === 1)
    Object.assign(droplet, { state: 'exited', exitCode: 0, finishedAt: at, ports: {} })
    host.memory.tell(droplet.id, { stopped: { exitCode: 0, at } })
    await eventually(async () => host.held.length === 2)
    host.held[0]?.()
    expect(await names).toEqual(['cikit01'])
    host.held[1]?.()
    await eventually(async () => (await host.live.list())[0]?.state === 'exited')
  })

  test('and is no droplet, or did not run, is nothing new', async () => {
    await using host = createTestLive()
    const droplet = host.put('cikit01')
    Object.assign(droplet, { state: 'created' })
    const { told } = await watched(host)
    for (const id of [droplet.id, '0'.repeat(64)]) host.memory.tell(id, { stopped: { exitCode: 0, at } })
    await host.live.look(droplet.id)
    expect(told()).toEqual([])
  })
})

describe("what the image's own check says", () => {
  test('counts from its event on, before the look that this gives rise to is answered', async () => {
    await using host = createHeldLive()
    const droplet = host.put('cikit01')
    const { told } = await watched(host)
    host.hold()
    const early = host.live.look(droplet.id)
    await eventually(async () => host.held.length === 1)
    host.memory.tell(droplet.id, { check: 'unhealthy' })
    await eventually(async () => host.held.length === 2)
    expect(await host.live.list()).toMatchObject([{ check: 'unhealthy' }])
    // It was asked for before, and knows nothing of it.
    host.held[0]?.()
    await early
    expect(await host.live.list()).toMatchObject([{ check: 'unhealthy' }])
    expect(told()).toEqual(['changed cikit01 running'])
    host.held[1]?.()
  })

  test('says nothing of one that does not run, or is no droplet', async () => {
    await using host = createTestLive()
    const droplet = host.put('cikit01')
    Object.assign(droplet, { state: 'exited' })
    const { told } = await watched(host)
    for (const id of [droplet.id, '0'.repeat(64)]) host.memory.tell(id, { check: 'healthy' })
    await host.live.look(droplet.id)
    expect(told()).toEqual([])
  })
})
