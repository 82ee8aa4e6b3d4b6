import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/errors.ts'
import { ACT } from '../_support/act.ts'
import { createTestDroplets } from '../_support/droplets.ts'

// What becomes of operations that a process was at when it was killed.

type Host = ReturnType<typeof createTestDroplets>
type Kind = 'start' | 'stop' | 'restart' | 'delete'

const never = () => new Promise<never>(() => {})

/** A process that is killed in the middle of a change: at a call that is never answered. */
async function killedAt(host: Host, kind: Kind | 'add', at: 'create' | 'start' | 'stop' | 'remove'): Promise<string> {
  const reached = Promise.withResolvers<void>()
  const crashed = host.startService({
    [at]: () => {
      reached.resolve()
      return never()
    },
  })
  const { id } = await crashed.change(ACT, kind === 'add' ? { kind, sshKeys: [] } : { kind, droplet: 'cikit01' })
  await reached.promise
  host.memory.calls.length = 0
  return id
}

/** The next process, when it has settled everything. */
async function nextProcess(host: Host) {
  const service = host.startService()
  const left = service.operations.leftOpen()
  await service.resume()
  for (const { id } of left) await service.operations.wait(id, 10_000)
  return service
}

describe('of the last minutes are finished', () => {
  test.each([
    ['start', 'start', ['start cikit01'], 'running'],
    ['stop', 'stop', ['stop cikit01'], 'exited'],
    ['restart', 'stop', ['stop cikit01', 'start cikit01'], 'running'],
    ['restart', 'start', ['stop cikit01', 'start cikit01'], 'running'],
  ] as const)('a %s that was at %s', async (kind, at, calls, state) => {
    await using host = createTestDroplets()
    host.put('cikit01')
    host.clock.move(1_000)
    const id = await killedAt(host, kind, at)
    host.clock.move(600_000)
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ kind, user: ACT.user, state: 'done', error: null })
    expect(host.memory.calls).toEqual([...calls])
    expect(host.memory.droplets).toMatchObject([{ name: 'cikit01', state }])
  })

  test.each(['stop', 'remove'] as const)('a deletion that was at %s, with the keys', async at => {
    await using host = createTestDroplets()
    await host.startService().add(ACT)
    const id = await killedAt(host, 'delete', at)
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'done', droplet: 'cikit01' })
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
  })

  test('a deletion of which only the keys were left', async () => {
    await using host = createTestDroplets()
    await host.startService().add(ACT)
    const id = await killedAt(host, 'delete', 'remove')
    host.memory.droplets.splice(0)
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'done' })
    expect(host.keyFolders()).toEqual([])
  })

  test('a deletion only when its keys are gone, too', async () => {
    await using host = createTestDroplets()
    await host.startService().add(ACT)
    const id = await killedAt(host, 'delete', 'remove')
    host.memory.droplets.splice(0)
    host.memory.fail('list', new ApiError('engineUnavailable'))
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'failed', error: { id: 918 } })
    expect(host.keyFolders()).toEqual(['cikit01'])
  })

  test('a deletion, and not the droplet that got its name since', async () => {
    await using host = createTestDroplets()
    await host.startService().add(ACT)
    const id = await killedAt(host, 'delete', 'remove')
    host.memory.droplets.splice(0)
    host.put('cikit01')
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'done' })
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
    expect(host.memory.calls).toEqual(['list'])
  })

  test('a restart that was over but for its end, without a second one', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const id = await killedAt(host, 'restart', 'start')
    host.clock.move(1_000)
    Object.assign(host.memory.droplets[0] ?? {}, { state: 'running', startedAt: host.clock.now() })
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'done' })
    expect(host.memory.calls).toEqual([])
  })
})

test('a restart of a droplet that was started at the moment when it was asked for is not over', async () => {
  await using host = createTestDroplets()
  host.put('cikit01')
  Object.assign(host.memory.droplets[0] ?? {}, { startedAt: host.clock.now() })
  await killedAt(host, 'restart', 'stop')
  await nextProcess(host)
  expect(host.memory.calls).toEqual(['stop cikit01', 'start cikit01'])
})

test('that cannot be finished have failed, in words', async () => {
  await using host = createTestDroplets()
  host.put('cikit01')
  const id = await killedAt(host, 'stop', 'stop')
  host.memory.droplets.splice(0)
  const { operations } = await nextProcess(host)
  expect(operations.show(id)).toMatchObject({
    state: 'failed',
    error: { id: 900, text: 'Error response from daemon: No such container: cikit01' },
  })
})

test.each([
  ['stop', 'stop', { state: 'failed', error: { id: 900 } }],
  ['delete', 'remove', { state: 'done' }],
] as const)('a %s of a droplet that has another name since leaves that alone', async (kind, at, ended) => {
  await using host = createTestDroplets()
  host.put('cikit01')
  const id = await killedAt(host, kind, at)
  Object.assign(host.memory.droplets[0] ?? {}, { name: 'cikit07' })
  host.memory.calls.length = 0
  const { operations } = await nextProcess(host)
  expect(operations.show(id)).toMatchObject(ended)
  expect(host.memory.calls.filter(call => call !== 'list')).toEqual([])
  expect(host.names()).toEqual(['cikit07'])
})

test('are finished before what is asked for after them, however long the engine takes to say how the droplet is', async () => {
  await using host = createTestDroplets()
  host.put('cikit01')
  const id = await killedAt(host, 'stop', 'stop')
  const answered = Promise.withResolvers<void>()
  const listed = Promise.withResolvers<void>()
  const service = host.startService({
    async inspect(dropletId) {
      await answered.promise
      return await host.memory.engine.inspect(dropletId)
    },
    async list() {
      setImmediate(listed.resolve)
      return await host.memory.engine.list()
    },
  })
  await service.resume()
  const start = service.start(ACT, 'cikit01')
  await listed.promise
  await host.db.write(() => undefined)
  await new Promise(setImmediate)
  answered.resolve()
  await start
  await service.operations.wait(id, 10_000)
  expect(host.memory.calls).toEqual(['list', 'stop cikit01', 'start cikit01'])
  expect(host.memory.droplets).toMatchObject([{ state: 'running' }])
})

test('while the engine is away have failed, and say so', async () => {
  await using host = createTestDroplets()
  host.put('cikit01')
  const id = await killedAt(host, 'stop', 'stop')
  host.memory.goAway()
  const { operations } = await nextProcess(host)
  expect(operations.show(id)).toMatchObject({ state: 'failed', error: { id: 918 } })
})

test.each(['start', 'stop', 'restart', 'delete'] as const)(
  'a %s of more than ten minutes ago has failed, and nothing is done',
  async kind => {
    await using host = createTestDroplets()
    await host.startService().add(ACT)
    const id = await killedAt(host, kind, kind === 'start' ? 'start' : 'stop')
    host.clock.move(600_001)
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'failed', error: { id: 933 } })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 933, status: 503 })
    expect(host.memory.calls).toEqual([])
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
  },
)

describe('an add', () => {
  test.each(['create', 'start'] as const)('that was at %s has failed, when it is undone', async at => {
    await using host = createTestDroplets()
    const id = await killedAt(host, 'add', at)
    host.memory.fail('removeMarked', new ApiError('engineUnavailable'))
    host.clock.move(30_000)
    const service = host.startService()
    await service.resume()
    await host.untilLogged('unfinished adds not undone yet, trying on')
    // It has not ended before that is true.
    expect(service.operations.show(id)).toMatchObject({ state: 'running', endedAt: null })
    await service.operations.wait(id, 10_000)
    const operation = service.operations.show(id)
    expect(operation).toMatchObject({
      ...{ state: 'failed', droplet: 'cikit01', cancellable: false },
      error: { id: 933, text: 'cikit-api was stopped in the middle: what it had begun is undone' },
    })
    expect(operation.steps).toMatchObject([{ name: 'undo', endedAt: host.clock.now() }])
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
  })

  test('that had made nothing yet has failed, too', async () => {
    await using host = createTestDroplets()
    const reached = Promise.withResolvers<void>()
    const crashed = host.startService({
      prepare: () => {
        reached.resolve()
        return never()
      },
    })
    const { id } = await crashed.change(ACT, { kind: 'add', sshKeys: [] })
    await reached.promise
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'failed', droplet: null, error: { id: 933 } })
  })

  test('that cannot be undone before the program ends stays open for the next one', async () => {
    await using host = createTestDroplets()
    const id = await killedAt(host, 'add', 'start')
    host.memory.goAway()
    const service = host.startService()
    await service.resume()
    await host.untilLogged('unfinished adds not undone yet, trying on')
    // Nobody who ends this program has to wait for the engine.
    await service.idle()
    await service.close()
    await new Promise(setImmediate)
    await host.db.write(() => undefined)
    expect(host.startService().operations.leftOpen()).toMatchObject([{ id }])
    host.memory.comeBack()
    host.clock.move(30_000)
    const { operations } = await nextProcess(host)
    expect(operations.show(id)).toMatchObject({ state: 'failed', error: { id: 933 } })
    expect(host.names()).toEqual([])
  })
})

test('they are taken up in the order in which they came', async () => {
  await using host = createTestDroplets()
  host.put('cikit01')
  const ids = [await killedAt(host, 'stop', 'stop'), await killedAt(host, 'start', 'start')]
  const { operations } = host.startService()
  expect(operations.leftOpen().map(({ id }) => id)).toEqual(ids)
})

test('nothing is taken up twice, nor what is not left open', async () => {
  await using host = createTestDroplets()
  host.put('cikit01')
  const id = await killedAt(host, 'stop', 'stop')
  const { operations } = host.startService()
  await operations.resume(id, never, false)
  for (const other of [id, 'x']) {
    await expect(operations.resume(other, never, false)).rejects.toThrow('Only what was left open')
  }
})

test('before they are taken up they are shown as queued, and nobody can cancel them or be told that they are done', async () => {
  await using host = createTestDroplets()
  host.put('cikit01')
  const id = await killedAt(host, 'stop', 'stop')
  const { operations, resume } = host.startService()
  expect(operations.show(id)).toMatchObject({ state: 'queued', cancellable: false })
  await expect(operations.cancel(ACT, id)).rejects.toMatchObject({ errorId: 931 })
  let told = false
  const outcome = operations.outcome(id).then(() => {
    told = true
  })
  await new Promise(setImmediate)
  expect(told).toBe(false)
  await resume()
  await outcome
})
