import { describe, expect, test } from 'bun:test'
import type { InformerChange } from '../../src/droplets/informer.ts'
import { createHeldInformer, createTestInformer, eventually } from '../testkit/droplets/informer.ts'

type Host = ReturnType<typeof createTestInformer>

/** The changes reported after the first synchronisation. */
async function watchChanges(host: Host) {
  const changes: InformerChange[] = []
  const stop = host.informer.watch(change => void changes.push(change))
  await host.informer.list()
  return { changes, stop, summaries: () => changes.map(summarize) }
}

function summarize(change: InformerChange): string {
  return 'droplet' in change ? `${change.change} ${change.droplet.name} ${change.droplet.state}` : change.change
}

const probeFacts = { health: 'ready', hostKey: 'ssh-ed25519 AAAA' } as const

test('reports additions, changes and removals once, but not the initial droplets', async () => {
  await using host = createTestInformer()
  host.addDroplet('cikit01')
  const { summaries } = await watchChanges(host)
  const droplet = host.addDroplet('cikit02')
  await host.informer.refresh(droplet.id)
  Object.assign(droplet, { state: 'exited', exitCode: 137 })
  await host.informer.refresh(droplet.id)
  host.memoryEngine.droplets.shift()
  await host.informer.refresh(droplet.id)
  expect(summaries()).toEqual(['added cikit02 running', 'changed cikit02 exited', 'removed cikit02 exited'])
})

test('a refresh without differences reports nothing and returns the same list', async () => {
  await using host = createTestInformer()
  const { id } = host.addDroplet('cikit01')
  const { summaries } = await watchChanges(host)
  const before = await host.informer.list()
  await host.informer.refresh(id)
  await host.informer.refresh('0'.repeat(64))
  expect(summaries()).toEqual([])
  expect(await host.informer.list()).toBe(before)
})

test('updates the list before it reports a change', async () => {
  await using host = createTestInformer()
  const lists: Promise<readonly unknown[]>[] = []
  await host.informer.list()
  host.informer.watch(() => void lists.push(host.informer.list()))
  await host.informer.refresh(host.addDroplet('cikit01').id)
  expect(await Promise.all(lists)).toMatchObject([[{ name: 'cikit01' }]])
})

test('an event alone triggers a report', async () => {
  await using host = createTestInformer()
  const { summaries } = await watchChanges(host)
  host.memoryEngine.emitEvent(host.addDroplet('cikit01').id)
  await eventually(async () => summaries().join() === 'added cikit01 running')
})

test('unsubscribing does not affect the other listeners', async () => {
  await using host = createTestInformer()
  const one = await watchChanges(host)
  const other = await watchChanges(host)
  one.stop()
  await host.informer.refresh(host.addDroplet('cikit01').id)
  expect(one.summaries()).toEqual([])
  expect(other.summaries()).toEqual(['added cikit01 running'])
})

test('a failing listener affects neither the others nor the list', async () => {
  await using host = createTestInformer()
  host.informer.watch(() => {
    throw new Error('no')
  })
  const { summaries } = await watchChanges(host)
  await host.informer.refresh(host.addDroplet('cikit01').id)
  expect(summaries()).toEqual(['added cikit01 running'])
  expect(await host.names()).toEqual(['cikit01'])
  expect(host.logLines.map(line => JSON.parse(line).message)).toEqual(['a droplet change listener failed'])
})

describe('an engine that goes away', () => {
  test('is reported once, then its return, then the missed changes', async () => {
    await using host = createTestInformer()
    const stopped = host.addDroplet('cikit01')
    const gone = host.addDroplet('cikit02')
    host.addDroplet('cikit03')
    const { summaries } = await watchChanges(host)
    host.memoryEngine.disconnect()
    await eventually(async () => summaries().length > 0)
    for (let count = 0; count < 3; count++) await host.informer.list().catch(() => undefined)
    Object.assign(stopped, { state: 'exited' })
    host.memoryEngine.droplets.splice(host.memoryEngine.droplets.indexOf(gone), 1)
    host.addDroplet('cikit04')
    host.memoryEngine.reconnect()
    await host.informer.list()
    expect(summaries().slice(0, 3)).toEqual(['away', 'back', 'removed cikit02 running'])
    expect(summaries().slice(3).sort()).toEqual(['added cikit04 running', 'changed cikit01 exited'])
  })

  test('is away before its first connection, whose droplets are not reported as changes', async () => {
    await using host = createTestInformer()
    host.addDroplet('cikit01')
    host.memoryEngine.disconnect()
    const changes: InformerChange[] = []
    host.informer.watch(change => void changes.push(change))
    await host.informer.list().catch(() => undefined)
    host.memoryEngine.reconnect()
    await host.informer.list()
    expect(changes.map(summarize)).toEqual(['away', 'back'])
  })

  test('is not reported after the close', async () => {
    const host = createTestInformer()
    const { summaries } = await watchChanges(host)
    await host.informer.close()
    host.memoryEngine.disconnect()
    await new Promise(setImmediate)
    expect(summaries()).toEqual([])
  })
})

describe('the facts of a probe', () => {
  test('are unknown at first, then listed and reported', async () => {
    await using host = createTestInformer()
    const { id, startedAt } = host.addDroplet('cikit01')
    const { changes } = await watchChanges(host)
    const before = await host.informer.list()
    expect(before).toMatchObject([{ health: undefined, hostKey: undefined }])
    host.informer.applyFacts(id, startedAt, probeFacts)
    expect(changes).toMatchObject([{ change: 'changed', droplet: { name: 'cikit01', ...probeFacts } }])
    expect(await host.informer.list()).toMatchObject([probeFacts])
    expect(await host.informer.list()).not.toBe(before)
  })

  test('are reported once', async () => {
    await using host = createTestInformer()
    const { id, startedAt } = host.addDroplet('cikit01')
    const { changes } = await watchChanges(host)
    for (let count = 0; count < 3; count++) host.informer.applyFacts(id, startedAt, { ...probeFacts })
    expect(changes).toHaveLength(1)
  })

  test('survive a refresh and an outage of the engine', async () => {
    await using host = createTestInformer()
    const { id, startedAt } = host.addDroplet('cikit01')
    const { summaries } = await watchChanges(host)
    host.informer.applyFacts(id, startedAt, probeFacts)
    await host.informer.refresh(id)
    host.memoryEngine.disconnect()
    await eventually(async () => summaries().includes('away'))
    host.memoryEngine.reconnect()
    expect(await host.informer.list()).toMatchObject([probeFacts])
    expect(summaries()).toEqual(['changed cikit01 running', 'away', 'back'])
  })

  test('are cleared when the droplet stops', async () => {
    await using host = createTestInformer()
    const droplet = host.addDroplet('cikit01')
    await host.informer.list()
    host.informer.applyFacts(droplet.id, droplet.startedAt, probeFacts)
    Object.assign(droplet, { state: 'exited' })
    await host.informer.refresh(droplet.id)
    expect(await host.informer.list()).toMatchObject([{ health: undefined, hostKey: undefined }])
  })

  test('are ignored if the droplet has stopped, restarted or been removed since', async () => {
    await using host = createTestInformer()
    const [restarted, stopped, removed] = [
      host.addDroplet('cikit01'),
      host.addDroplet('cikit02'),
      host.addDroplet('cikit03'),
    ]
    const { summaries } = await watchChanges(host)
    const startedRuns = [restarted, stopped, removed].map(({ id, startedAt }) => ({ id, startedAt }))
    Object.assign(restarted, { startedAt: host.clock.now() })
    Object.assign(stopped, { state: 'exited' })
    host.memoryEngine.droplets.shift()
    for (const { id } of startedRuns) await host.informer.refresh(id)
    const before = summaries().length
    for (const { id, startedAt } of startedRuns) host.informer.applyFacts(id, startedAt, probeFacts)
    expect(summaries()).toHaveLength(before)
    expect(await host.informer.list()).toMatchObject([{ health: undefined }, { health: undefined }])
  })
})

describe('an exit event', () => {
  const at = Date.parse('2026-01-02T03:04:06.500Z')

  test('counts before the engine responds to the inspection', async () => {
    const inspectReleased = Promise.withResolvers<void>()
    let isHeld = false
    await using host = createTestInformer(engine => ({
      async inspect(id) {
        if (isHeld) await inspectReleased.promise
        return await engine.inspect(id)
      },
    }))
    const droplet = host.addDroplet('cikit01')
    Object.assign(droplet, { ports: { '22': { type: 'tcp', from: { ip: '0.0.0.0', port: 2201 } } } })
    await host.informer.list()
    host.informer.applyFacts(droplet.id, droplet.startedAt, probeFacts)
    const { summaries } = await watchChanges(host)
    isHeld = true
    host.memoryEngine.emitEvent(droplet.id, { stopped: { exitCode: 137, at } })
    await eventually(async () => summaries().length > 0)
    expect(summaries()).toEqual(['changed cikit01 exited'])
    expect(await host.informer.list()).toMatchObject([
      { state: 'exited', exitCode: 137, finishedAt: at, health: undefined, hostKey: undefined },
    ])
    expect((await host.informer.list())[0]?.ports).toEqual({})
    Object.assign(droplet, { state: 'exited', exitCode: 137, finishedAt: at + 1 })
    inspectReleased.resolve()
    await eventually(async () => (await host.informer.list())[0]?.finishedAt === at + 1)
  })

  test('supersedes an inspection that started before it', async () => {
    const inspectStarted = Promise.withResolvers<void>()
    const inspectReleased = Promise.withResolvers<void>()
    let isHeld = false
    await using host = createTestInformer(engine => ({
      async inspect(id) {
        const droplet = await engine.inspect(id)
        if (!isHeld) return droplet
        isHeld = false
        inspectStarted.resolve()
        await inspectReleased.promise
        return droplet
      },
    }))
    const droplet = host.addDroplet('cikit01')
    const { summaries } = await watchChanges(host)
    isHeld = true
    const refreshing = host.informer.refresh(droplet.id)
    await inspectStarted.promise
    Object.assign(droplet, { state: 'exited', exitCode: 0, finishedAt: at, ports: {} })
    host.memoryEngine.emitEvent(droplet.id, { stopped: { exitCode: 0, at } })
    await eventually(async () => summaries().length > 0)
    inspectReleased.resolve()
    await refreshing
    expect(summaries()).toEqual(['changed cikit01 exited'])
    expect(await host.informer.list()).toMatchObject([{ state: 'exited' }])
  })

  test('supersedes it even if the inspection of the exit takes longer', async () => {
    await using host = createHeldInformer()
    const droplet = host.addDroplet('cikit01')
    const { summaries } = await watchChanges(host)
    host.setHolding()
    const refreshing = host.informer.refresh(droplet.id)
    await eventually(async () => host.heldReleases.length === 1)
    Object.assign(droplet, { state: 'exited', exitCode: 0, finishedAt: at, ports: {} })
    host.memoryEngine.emitEvent(droplet.id, { stopped: { exitCode: 0, at } })
    await eventually(async () => host.heldReleases.length === 2)
    host.heldReleases[0]?.()
    await refreshing
    expect(summaries()).toEqual(['changed cikit01 exited'])
    host.heldReleases[1]?.()
  })

  test('does not lose the droplet during a synchronisation', async () => {
    await using host = createHeldInformer()
    host.setHolding()
    const droplet = host.addDroplet('cikit01')
    const names = host.names()
    await eventually(async () => host.heldReleases.length === 1)
    Object.assign(droplet, { state: 'exited', exitCode: 0, finishedAt: at, ports: {} })
    host.memoryEngine.emitEvent(droplet.id, { stopped: { exitCode: 0, at } })
    await eventually(async () => host.heldReleases.length === 2)
    host.heldReleases[0]?.()
    expect(await names).toEqual(['cikit01'])
    host.heldReleases[1]?.()
    await eventually(async () => (await host.informer.list())[0]?.state === 'exited')
  })

  test('of an unknown or stopped droplet is ignored', async () => {
    await using host = createTestInformer()
    const droplet = host.addDroplet('cikit01')
    Object.assign(droplet, { state: 'created' })
    const { summaries } = await watchChanges(host)
    for (const id of [droplet.id, '0'.repeat(64)]) host.memoryEngine.emitEvent(id, { stopped: { exitCode: 0, at } })
    await host.informer.refresh(droplet.id)
    expect(summaries()).toEqual([])
  })
})

describe("the image's health check", () => {
  test('counts from its event, before the inspection returns', async () => {
    await using host = createHeldInformer()
    const droplet = host.addDroplet('cikit01')
    const { summaries } = await watchChanges(host)
    host.setHolding()
    const early = host.informer.refresh(droplet.id)
    await eventually(async () => host.heldReleases.length === 1)
    host.memoryEngine.emitEvent(droplet.id, { healthCheck: 'unhealthy' })
    await eventually(async () => host.heldReleases.length === 2)
    expect(await host.informer.list()).toMatchObject([{ healthCheck: 'unhealthy' }])
    // This inspection started before the event.
    host.heldReleases[0]?.()
    await early
    expect(await host.informer.list()).toMatchObject([{ healthCheck: 'unhealthy' }])
    expect(summaries()).toEqual(['changed cikit01 running'])
    host.heldReleases[1]?.()
  })

  test('is ignored for a stopped or unknown droplet', async () => {
    await using host = createTestInformer()
    const droplet = host.addDroplet('cikit01')
    Object.assign(droplet, { state: 'exited' })
    const { summaries } = await watchChanges(host)
    for (const id of [droplet.id, '0'.repeat(64)]) host.memoryEngine.emitEvent(id, { healthCheck: 'healthy' })
    await host.informer.refresh(droplet.id)
    expect(summaries()).toEqual([])
  })
})
