import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../../src/core/errors.ts'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestDropletHost } from '../../testkit/droplets/droplet-host.ts'

// Operations that were interrupted by the end of their process.

type Host = ReturnType<typeof createTestDropletHost>
type Kind = 'start' | 'stop' | 'restart' | 'delete'

const never = () => new Promise<never>(() => {})

/** A process that is killed during a change, at an engine call that never returns. */
async function crashAt(host: Host, kind: Kind | 'add', at: 'create' | 'start' | 'stop' | 'remove'): Promise<string> {
  const reached = Promise.withResolvers<void>()
  const crashed = host.startService({
    [at]: () => {
      reached.resolve()
      return never()
    },
  })
  const { id } = await crashed.change(TEST_ACTOR, kind === 'add' ? { kind, sshKeys: [] } : { kind, droplet: 'cikit01' })
  await reached.promise
  host.memoryEngine.calls.length = 0
  return id
}

/** The next process, after it has resumed everything. */
async function startNextProcess(host: Host) {
  const service = host.startService()
  const unfinished = service.operations.unfinished()
  await service.resume()
  for (const { id } of unfinished) await service.operations.wait(id, 10_000)
  return service
}

describe('recent operations are completed:', () => {
  test.each([
    ['start', 'start', ['start cikit01'], 'running'],
    ['stop', 'stop', ['stop cikit01'], 'exited'],
    ['restart', 'stop', ['stop cikit01', 'start cikit01'], 'running'],
    ['restart', 'start', ['stop cikit01', 'start cikit01'], 'running'],
  ] as const)('a %s interrupted at %s', async (kind, at, calls, state) => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    host.clock.advance(1_000)
    const id = await crashAt(host, kind, at)
    host.clock.advance(600_000)
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ kind, user: TEST_ACTOR.user, state: 'done', error: null })
    expect(host.memoryEngine.calls).toEqual([...calls])
    expect(host.memoryEngine.droplets).toMatchObject([{ name: 'cikit01', state }])
  })

  test.each(['stop', 'remove'] as const)('a deletion interrupted at %s, including the keys', async at => {
    await using host = createTestDropletHost()
    await host.startService().add(TEST_ACTOR)
    const id = await crashAt(host, 'delete', at)
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'done', droplet: 'cikit01' })
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
  })

  test('a deletion of which only the keys are left', async () => {
    await using host = createTestDropletHost()
    await host.startService().add(TEST_ACTOR)
    const id = await crashAt(host, 'delete', 'remove')
    host.memoryEngine.droplets.splice(0)
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'done' })
    expect(host.keyFolders()).toEqual([])
  })

  test('a deletion, only after its keys are gone', async () => {
    await using host = createTestDropletHost()
    await host.startService().add(TEST_ACTOR)
    const id = await crashAt(host, 'delete', 'remove')
    host.memoryEngine.droplets.splice(0)
    host.memoryEngine.failNext('list', new ApiError('engineUnavailable'))
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'failed', error: { id: 918 } })
    expect(host.keyFolders()).toEqual(['cikit01'])
  })

  test('a deletion, but not of a newer droplet of the same name', async () => {
    await using host = createTestDropletHost()
    await host.startService().add(TEST_ACTOR)
    const id = await crashAt(host, 'delete', 'remove')
    host.memoryEngine.droplets.splice(0)
    host.addDroplet('cikit01')
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'done' })
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
    expect(host.memoryEngine.calls).toEqual(['list'])
  })

  test('a restart that had already happened, without repeating it', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const id = await crashAt(host, 'restart', 'start')
    host.clock.advance(1_000)
    Object.assign(host.memoryEngine.droplets[0] ?? {}, { state: 'running', startedAt: host.clock.now() })
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'done' })
    expect(host.memoryEngine.calls).toEqual([])
  })
})

test('a restart is repeated if the droplet was started at the time of the request', async () => {
  await using host = createTestDropletHost()
  host.addDroplet('cikit01')
  Object.assign(host.memoryEngine.droplets[0] ?? {}, { startedAt: host.clock.now() })
  await crashAt(host, 'restart', 'stop')
  await startNextProcess(host)
  expect(host.memoryEngine.calls).toEqual(['stop cikit01', 'start cikit01'])
})

test('operations that cannot be completed fail with a reason', async () => {
  await using host = createTestDropletHost()
  host.addDroplet('cikit01')
  const id = await crashAt(host, 'stop', 'stop')
  host.memoryEngine.droplets.splice(0)
  const { operations } = await startNextProcess(host)
  expect(operations.show(id)).toMatchObject({
    state: 'failed',
    error: { id: 900, text: 'Error response from daemon: No such container: cikit01' },
  })
})

test.each([
  ['stop', 'stop', { state: 'failed', error: { id: 900 } }],
  ['delete', 'remove', { state: 'done' }],
] as const)('a %s does not touch a droplet that was renamed', async (kind, at, expected) => {
  await using host = createTestDropletHost()
  host.addDroplet('cikit01')
  const id = await crashAt(host, kind, at)
  Object.assign(host.memoryEngine.droplets[0] ?? {}, { name: 'cikit07' })
  host.memoryEngine.calls.length = 0
  const { operations } = await startNextProcess(host)
  expect(operations.show(id)).toMatchObject(expected)
  expect(host.memoryEngine.calls.filter(call => call !== 'list')).toEqual([])
  expect(host.names()).toEqual(['cikit07'])
})

test('resumed operations run before new ones of the same droplet', async () => {
  await using host = createTestDropletHost()
  host.addDroplet('cikit01')
  const id = await crashAt(host, 'stop', 'stop')
  const inspectReleased = Promise.withResolvers<void>()
  const listed = Promise.withResolvers<void>()
  const service = host.startService({
    async inspect(dropletId) {
      await inspectReleased.promise
      return await host.memoryEngine.engine.inspect(dropletId)
    },
    async list() {
      setImmediate(listed.resolve)
      return await host.memoryEngine.engine.list()
    },
  })
  await service.resume()
  const start = service.start(TEST_ACTOR, 'cikit01')
  await listed.promise
  await host.db.write(() => undefined)
  await new Promise(setImmediate)
  inspectReleased.resolve()
  await start
  await service.operations.wait(id, 10_000)
  expect(host.memoryEngine.calls).toEqual(['list', 'stop cikit01', 'start cikit01'])
  expect(host.memoryEngine.droplets).toMatchObject([{ state: 'running' }])
})

test('operations fail with a reason while the engine is away', async () => {
  await using host = createTestDropletHost()
  host.addDroplet('cikit01')
  const id = await crashAt(host, 'stop', 'stop')
  host.memoryEngine.disconnect()
  const { operations } = await startNextProcess(host)
  expect(operations.show(id)).toMatchObject({ state: 'failed', error: { id: 918 } })
})

test.each(['start', 'stop', 'restart', 'delete'] as const)(
  'a %s of more than ten minutes ago fails without engine calls',
  async kind => {
    await using host = createTestDropletHost()
    await host.startService().add(TEST_ACTOR)
    const id = await crashAt(host, kind, kind === 'start' ? 'start' : 'stop')
    host.clock.advance(600_001)
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'failed', error: { id: 933 } })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 933, status: 503 })
    expect(host.memoryEngine.calls).toEqual([])
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
  },
)

describe('an add', () => {
  test.each(['create', 'start'] as const)('interrupted at %s fails after its rollback', async at => {
    await using host = createTestDropletHost()
    const id = await crashAt(host, 'add', at)
    host.memoryEngine.failNext('removeMarked', new ApiError('engineUnavailable'))
    host.clock.advance(30_000)
    const service = host.startService()
    await service.resume()
    await host.waitForLog('unfinished adds not rolled back yet, retrying')
    // It does not end before the rollback.
    expect(service.operations.show(id)).toMatchObject({ state: 'running', endedAt: null })
    await service.operations.wait(id, 10_000)
    const operation = service.operations.show(id)
    expect(operation).toMatchObject({
      ...{ state: 'failed', droplet: 'cikit01', cancellable: false },
      error: {
        id: 933,
        text: 'The operation was interrupted by a restart of cikit-api: the unfinished droplet was removed',
      },
    })
    expect(operation.steps).toMatchObject([{ name: 'undo', endedAt: host.clock.now() }])
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
  })

  test('that had created nothing fails', async () => {
    await using host = createTestDropletHost()
    const reached = Promise.withResolvers<void>()
    const crashed = host.startService({
      prepare: () => {
        reached.resolve()
        return never()
      },
    })
    const { id } = await crashed.change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await reached.promise
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'failed', droplet: null, error: { id: 933 } })
  })

  test('that cannot be rolled back before the process ends stays unfinished for the next one', async () => {
    await using host = createTestDropletHost()
    const id = await crashAt(host, 'add', 'start')
    host.memoryEngine.disconnect()
    const service = host.startService()
    await service.resume()
    await host.waitForLog('unfinished adds not rolled back yet, retrying')
    // A shutdown does not wait for the engine.
    await service.idle()
    await service.close()
    await new Promise(setImmediate)
    await host.db.write(() => undefined)
    expect(host.startService().operations.unfinished()).toMatchObject([{ id }])
    host.memoryEngine.reconnect()
    host.clock.advance(30_000)
    const { operations } = await startNextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'failed', error: { id: 933 } })
    expect(host.names()).toEqual([])
  })
})

test('operations are resumed in their original order', async () => {
  await using host = createTestDropletHost()
  host.addDroplet('cikit01')
  const ids = [await crashAt(host, 'stop', 'stop'), await crashAt(host, 'start', 'start')]
  const { operations } = host.startService()
  expect(operations.unfinished().map(({ id }) => id)).toEqual(ids)
})

test('rejects resuming twice, or resuming an operation of this process', async () => {
  await using host = createTestDropletHost()
  host.addDroplet('cikit01')
  const id = await crashAt(host, 'stop', 'stop')
  const { operations } = host.startService()
  await operations.resume(id, never, false)
  for (const other of [id, 'x']) {
    await expect(operations.resume(other, never, false)).rejects.toThrow('Only an unfinished operation')
  }
})

test('before they are resumed they are queued and cannot be cancelled', async () => {
  await using host = createTestDropletHost()
  host.addDroplet('cikit01')
  const id = await crashAt(host, 'stop', 'stop')
  const { operations, resume } = host.startService()
  expect(operations.show(id)).toMatchObject({ state: 'queued', cancellable: false })
  await expect(operations.cancel(TEST_ACTOR, id)).rejects.toMatchObject({ errorId: 931 })
  let isSettled = false
  const outcome = operations.outcome(id).then(() => {
    isSettled = true
  })
  await new Promise(setImmediate)
  expect(isSettled).toBe(false)
  await resume()
  await outcome
})
