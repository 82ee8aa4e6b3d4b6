import { heapStats } from 'bun:jsc'
import { describe, expect, jest, test } from 'bun:test'
import { until } from '../../scripts/lib/run.ts'
import { ApiError } from '../../src/errors.ts'
import type { PresentOperation } from '../../src/operations/running.ts'
import { ACT } from '../_support/act.ts'
import { createTestDroplets } from '../_support/droplets.ts'

// The life of an operation, told by the droplets' service over an engine in memory.

const away = () => new ApiError('engineUnavailable')
const stepsOf = ({ steps }: PresentOperation) =>
  steps.map(({ name, endedAt }) => `${name}${endedAt === undefined ? '…' : ''}`)

/** An engine whose call waits until it is let go. */
function createGate() {
  const entered = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    entered: entered.promise,
    open: opened.resolve,
    async pass(): Promise<void> {
      entered.resolve()
      await opened.promise
    },
  }
}

describe('an operation', () => {
  test('is queued, running and done, with its steps and their times', async () => {
    await using host = createTestDroplets()
    const service = host.startService()
    const told: PresentOperation[] = []
    service.operations.watch(operation => void told.push(operation))
    const { id, createdAt } = await service.change(ACT, { kind: 'add', sshKeys: [] })
    host.clock.move(5)
    await service.operations.outcome(id)
    expect(service.operations.show(id)).toEqual({
      ...{ id, kind: 'add', droplet: 'cikit01', dropletId: null, ...ACT, state: 'done', cancellable: false },
      ...{ createdAt, startedAt: expect.any(Number), endedAt: expect.any(Number), progress: null, error: null },
      steps: ['image', 'create', 'start'].map(name => ({
        name,
        startedAt: expect.any(Number),
        endedAt: expect.any(Number),
      })),
    })
    expect(told.map(({ state }) => state)).toEqual(told.map(({ state }) => state).toSorted(inOrder))
    expect(new Set(told.map(({ state }) => state))).toEqual(new Set(['queued', 'running', 'done']))
    // While its end is being stored it is too late to cancel it.
    expect(told.at(-2)).toMatchObject({ state: 'running', cancellable: false })
    expect(told.every(operation => operation.id === id)).toBe(true)
  })

  test.each([
    ['start', ['start']],
    ['stop', ['stop']],
    ['restart', ['stop', 'start']],
    ['delete', ['stop', 'remove']],
  ] as const)('%s has the steps %p', async (kind, steps) => {
    await using host = createTestDroplets()
    const { id: dropletId } = host.put('cikit01')
    const { change, operations } = host.startService()
    const { id } = await change(ACT, { kind, droplet: 'cikit01' })
    await operations.outcome(id)
    const operation = operations.show(id)
    expect(operation).toMatchObject({ kind, droplet: 'cikit01', dropletId, state: 'done' })
    expect(stepsOf(operation)).toEqual([...steps])
  })

  test('keeps when each step ended', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const takes = (ms: number) => async () => host.clock.move(ms)
    const { change, operations } = host.startService({ stop: takes(1_000), start: takes(2_000) })
    const { id, createdAt: begun } = await change(ACT, { kind: 'restart', droplet: 'cikit01' })
    await operations.outcome(id)
    expect(operations.show(id).steps).toEqual([
      { name: 'stop', startedAt: begun, endedAt: begun + 1_000 },
      { name: 'start', startedAt: begun + 1_000, endedAt: begun + 3_000 },
    ])
  })

  test('that fails says why, and at which step', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    host.memory.fail('start', new ApiError('engineRefused', { text: 'Error response from daemon: no space' }))
    const { change, operations } = host.startService()
    const { id } = await change(ACT, { kind: 'restart', droplet: 'cikit01' })
    await expect(operations.outcome(id)).rejects.toMatchObject({
      errorId: 900,
      message: expect.stringContaining('no space'),
    })
    const operation = operations.show(id)
    expect(operation).toMatchObject({
      state: 'failed',
      error: { id: 900, text: 'Error response from daemon: no space' },
    })
    expect(stepsOf(operation)).toEqual(['stop', 'start…'])
    // What it is told from the store later is the same.
    await expect(host.startService().operations.outcome(id)).rejects.toMatchObject({
      errorId: 900,
      message: 'Error response from daemon: no space',
    })
  })

  test('that failed and was undone shows that', async () => {
    await using host = createTestDroplets()
    host.memory.fail('start', away())
    const { change, operations } = host.startService()
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 918 })
    expect(stepsOf(operations.show(id))).toEqual(['image', 'create', 'start', 'undo'])
  })

  test('whose undoing fails, too, does not say that it was undone', async () => {
    await using host = createTestDroplets()
    host.memory.fail('start', away())
    host.memory.fail('removeMarked', away())
    const { change, operations } = host.startService()
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 918 })
    expect(stepsOf(operations.show(id))).toEqual(['image', 'create', 'start', 'undo…'])
  })

  test('of an error of ours tells nothing of it', async () => {
    await using host = createTestDroplets()
    host.memory.fail('prepare', new Error('a secret place'))
    const { change, operations } = host.startService()
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 0 })
    expect(JSON.stringify(operations.show(id))).not.toContain('secret')
    expect(operations.show(id).error).toEqual({ id: 0, text: 'Internal server error' })
  })

  test('tells how far a build is, four times a second at most, and forgets it with the step', async () => {
    await using host = createTestDroplets()
    const told = new Set<string>()
    const { change, operations } = host.startService({
      async prepare(report) {
        for (let done = 0; done < 10; done++) {
          report({ text: `Step ${done}`, done, total: 10 })
          host.clock.move(125)
        }
      },
    })
    operations.watch(({ progress, steps }) => {
      if (progress) told.add(`${steps.at(-1)?.name}: ${progress.text} of ${progress.total}`)
    })
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
    await operations.outcome(id)
    // The last one is told with the name that is chosen then.
    expect([...told]).toEqual([2, 4, 6, 8, 9].map(done => `image: Step ${done} of 10`))
    expect(operations.show(id).progress).toBeNull()
  })

  test('forgets how far a step is when that is over, also when no other one follows', async () => {
    await using host = createTestDroplets()
    const { operations } = host.startService()
    const gate = createGate()
    const { id } = await operations.start({
      ...{ kind: 'add', droplet: null, dropletId: null, act: ACT, claim: undefined, undoable: true },
      async work(handle) {
        handle.step('image')
        handle.progress({ text: 'Working' })
        handle.endStep()
        await gate.pass()
      },
    })
    await gate.entered
    expect(operations.show(id)).toMatchObject({ progress: null, steps: [{ endedAt: host.clock.now() }] })
    gate.open()
  })

  test('is told as it was at that moment', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const queued = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    const running = operations.show(queued.id)
    gate.open()
    await operations.outcome(queued.id)
    expect([queued, running].map(({ state }) => state)).toEqual(['queued', 'running'])
  })

  test('that failed in the middle of a step is told as what is over', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService({
      async prepare(report) {
        report({ text: 'Working' })
        throw away()
      },
    })
    const told: PresentOperation[] = []
    operations.watch(operation => void told.push(operation))
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 918 })
    expect(told.at(-1)).toEqual(operations.show(id))
    expect(told.at(-1)).toMatchObject({ state: 'failed', cancellable: false, progress: null })
  })

  test('is done, and told to the others, when a watcher fails', async () => {
    await using host = createTestDroplets()
    const { add, operations } = host.startService()
    const states: string[] = []
    operations.watch(() => {
      throw new Error('no')
    })
    operations.watch(({ state }) => void states.push(state))
    await add(ACT)
    expect(states.at(-1)).toBe('done')
    await host.untilLogged('a watcher of the operations failed')
  })

  test('is told to who watches, and not after that', async () => {
    await using host = createTestDroplets()
    const { add, operations } = host.startService()
    let told = 0
    const end = operations.watch(() => void told++)
    await add(ACT)
    const before = told
    end()
    await add(ACT)
    expect(before).toBeGreaterThan(0)
    expect(told).toBe(before)
  })

  test('is in the store before the engine hears of it', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change } = host.startService({ stop: gate.pass })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    // Another process would find it.
    expect(host.startService().operations.leftOpen()).toMatchObject([{ id, kind: 'stop', droplet: 'cikit01' }])
    gate.open()
  })

  test('is not begun while 500 others have not ended: 934', async () => {
    await using host = createTestDroplets()
    const gate = createGate()
    const { change, operations } = host.startService({ prepare: gate.pass })
    const add = () => change(ACT, { kind: 'add', sshKeys: [] })
    const ids: string[] = []
    for (let count = 0; count < 500; count++) ids.push((await add()).id)
    await expect(add()).rejects.toMatchObject({ errorId: 934, status: 429, retryAfterSeconds: 10 })
    await operations.cancel(ACT, ids.at(-1) ?? '')
    await operations.cancel(ACT, (await add()).id)
    for (const id of ids.slice(1, -1)) await operations.cancel(ACT, id)
    gate.open()
    await operations.idle()
    expect(host.names()).toEqual(['cikit01'])
  })

  test('is not begun beyond 500, be they asked for at the same moment', async () => {
    await using host = createTestDroplets()
    const gate = createGate()
    const { change, operations } = host.startService({ prepare: gate.pass })
    const asked = Array.from({ length: 510 }, () => change(ACT, { kind: 'add', sshKeys: [] }))
    const answers = await Promise.allSettled(asked)
    const begun = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
    expect(begun).toHaveLength(500)
    for (const { id } of begun.slice(1)) await operations.cancel(ACT, id)
    gate.open()
    await operations.idle()
  })

  test('is not begun when it cannot be stored: 922', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    host.db.sql.run('PRAGMA query_only = ON')
    const service = host.startService()
    for (const run of [() => service.add(ACT), () => service.stop(ACT, 'cikit01')]) {
      await expect(run()).rejects.toMatchObject({ errorId: 922 })
    }
    expect(host.memory.calls).toEqual(['list'])
  })

  test('that is done when the store cannot be written is done, and stored later', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const { change, operations } = host.startService({
      async stop(id) {
        host.db.sql.run('PRAGMA query_only = ON')
        await host.memory.engine.stop(id)
      },
    })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await operations.outcome(id)
    expect(operations.show(id).state).toBe('done')
    expect(operations.list({})).toMatchObject([{ id, state: 'done' }])
    await operations.idle()
    host.db.sql.run('PRAGMA query_only = OFF')
    await host.settleLate()
    expect(host.startService().operations.show(id)).toMatchObject({ id, state: 'done' })
    // And from then on kept as all others are.
    host.clock.move(8 * 86_400_000)
    await host.db.write(operations.removeOld)
    expect(() => operations.show(id)).toThrow('not found')
  })

  test('of an add that cannot be stored as done is undone', async () => {
    await using host = createTestDroplets()
    const service = host.startService({
      async start(id) {
        await host.memory.engine.start(id)
        host.db.sql.run('PRAGMA query_only = ON')
      },
    })
    await expect(service.add(ACT)).rejects.toMatchObject({ errorId: 922 })
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
  })
})

describe('waiting', () => {
  test('ends with the operation', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    expect(await operations.wait(id, 0)).toMatchObject({ state: 'running' })
    const waiting = operations.wait(id, 60_000)
    gate.open()
    expect(await waiting).toMatchObject({ state: 'done' })
    expect(await operations.wait(id, 60_000)).toMatchObject({ state: 'done' })
  })

  test('ends after its time, when the caller goes, and when the service closes', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    expect(await operations.wait(id, 1)).toMatchObject({ state: 'running' })
    const caller = new AbortController()
    const waiting = operations.wait(id, 60_000, caller.signal)
    caller.abort()
    expect(await waiting).toMatchObject({ state: 'running' })
    const other = operations.wait(id, 60_000)
    operations.close()
    expect(await other).toMatchObject({ state: 'running' })
    gate.open()
  })

  test('ends at once for a caller that is gone already', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    expect(await operations.wait(id, 60_000, AbortSignal.abort())).toMatchObject({ state: 'running' })
    gate.open()
  })

  test('leaves nothing in memory of who waited in vain', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    const kept = () => {
      Bun.gc(true)
      return heapStats().objectTypeCounts.Promise ?? 0
    }
    const before = kept()
    for (let round = 0; round < 10; round++)
      await Promise.all(Array.from({ length: 500 }, () => operations.wait(id, 1)))
    expect(kept() - before).toBeLessThan(1_000)
    gate.open()
  })

  test('leaves no timer behind, by which this program would end later', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    jest.useFakeTimers()
    try {
      const waiting = operations.wait(id, 60_000)
      expect(jest.getTimerCount()).toBe(1)
      gate.open()
      await waiting
      expect(jest.getTimerCount()).toBe(0)
    } finally {
      jest.useRealTimers()
    }
  })

  test('for all of them is for those, too, that begin meanwhile', async () => {
    await using host = createTestDroplets()
    const droplets = ['cikit01', 'cikit02'].map(name => ({ ...host.put(name), gate: createGate() }))
    const { change, operations } = host.startService({
      stop: async id => await droplets.find(droplet => droplet.id === id)?.gate.pass(),
    })
    const [first, second] = droplets
    await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    let states: string[] = []
    const idle = operations.idle().then(() => {
      states = operations.list({}).map(({ state }) => state)
    })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit02' })
    first?.gate.open()
    while (operations.list({ droplet: 'cikit01' })[0]?.state !== 'done') await new Promise(setImmediate)
    await second?.gate.entered
    second?.gate.open()
    await operations.outcome(id)
    await idle
    expect(states).toEqual(['done', 'done'])
  })

  test('for one that nobody knows is 929', async () => {
    await using host = createTestDroplets()
    const { operations } = host.startService()
    await expect(operations.wait('x', 1)).rejects.toMatchObject({ errorId: 929, status: 404 })
    await expect(operations.outcome('x')).rejects.toMatchObject({ errorId: 929 })
    await expect(operations.cancel(ACT, 'x')).rejects.toMatchObject({ errorId: 929 })
  })
})

describe('cancelling', () => {
  test.each(['prepare', 'create', 'start'] as const)('an add at %s undoes it', async at => {
    await using host = createTestDroplets()
    const gate = createGate()
    const service = host.startService({
      async prepare() {
        if (at === 'prepare') await gate.pass()
      },
      async create(droplet) {
        if (at === 'create') await gate.pass()
        return await host.memory.engine.create(droplet)
      },
      async start(id) {
        if (at === 'start') await gate.pass()
        await host.memory.engine.start(id)
      },
    })
    const { id } = await service.change(ACT, { kind: 'add', sshKeys: [] })
    await gate.entered
    expect(service.operations.show(id)).toMatchObject({ state: 'running', cancellable: true })
    const cancelled = service.operations.cancel(ACT, id)
    gate.open()
    expect(await cancelled).toMatchObject({ id, state: 'cancelled', error: null, cancellable: false })
    // Nothing is begun that would have to be undone.
    expect(host.memory.calls.includes('create cikit01')).toBe(at !== 'prepare')
    expect(host.memory.calls.includes('start cikit01')).toBe(at === 'start')
    await expect(service.operations.outcome(id)).rejects.toMatchObject({ errorId: 932, status: 409 })
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
    expect(host.unfinished.list()).toEqual([])
    // From the store it is the same, and the line goes on.
    await expect(host.startService().operations.outcome(id)).rejects.toMatchObject({ errorId: 932 })
    await service.add(ACT)
    expect(host.names()).toEqual(['cikit01'])
  })

  test('an add whose undoing fails does not say that it was undone, which is made good later', async () => {
    await using host = createTestDroplets()
    const gate = createGate()
    const service = host.startService({
      async start() {
        await gate.pass()
      },
    })
    const { id } = await service.change(ACT, { kind: 'add', sshKeys: [] })
    await gate.entered
    host.memory.fail('removeMarked', away())
    const cancelled = service.operations.cancel(ACT, id)
    gate.open()
    expect(stepsOf(await cancelled)).toEqual(['image', 'create', 'start', 'undo…'])
    expect(await until(5_000, () => host.unfinished.list().length === 0)).toBe(true)
    expect(host.names()).toEqual([])
  })

  test('is over when all is undone, and not before', async () => {
    await using host = createTestDroplets()
    const [starting, undoing] = [createGate(), createGate()]
    const { change, operations } = host.startService({
      async start(id) {
        await starting.pass()
        await host.memory.engine.start(id)
      },
      async removeMarked(mark, answered) {
        await undoing.pass()
        return await host.memory.engine.removeMarked(mark, answered)
      },
    })
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
    await starting.entered
    const cancelled = operations.cancel(ACT, id)
    starting.open()
    await undoing.entered
    expect(operations.show(id)).toMatchObject({ state: 'running', cancellable: false, endedAt: null })
    undoing.open()
    expect(stepsOf(await cancelled)).toEqual(['image', 'create', 'start', 'undo'])
  })

  test('gives up the pull or the build of the image', async () => {
    await using host = createTestDroplets()
    const entered = Promise.withResolvers<void>()
    const service = host.startService({
      prepare: (_report, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(away()))
          entered.resolve()
        }),
    })
    const { id } = await service.change(ACT, { kind: 'add', sshKeys: [] })
    await entered.promise
    expect(await service.operations.cancel(ACT, id)).toMatchObject({ state: 'cancelled' })
  })

  test('one that waits for its turn ends it at once, and nothing of it is done', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations, idle } = host.startService({ stop: gate.pass })
    await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    const { id } = await change(ACT, { kind: 'delete', droplet: 'cikit01' })
    expect(operations.show(id)).toMatchObject({ state: 'queued', cancellable: true })
    const cancelled = await operations.cancel(ACT, id)
    expect(cancelled).toMatchObject({ state: 'cancelled', startedAt: null })
    host.clock.move(1_000)
    gate.open()
    await idle()
    // Its turn, when that comes, does not end it once more.
    await new Promise(setImmediate)
    await host.db.write(() => undefined)
    expect(operations.show(id)).toEqual(cancelled)
    expect(host.names()).toEqual(['cikit01'])
    expect(operations.list({}).map(({ state }) => state)).toEqual(['cancelled', 'done'])
  })

  test.each(['start', 'stop', 'restart', 'delete'] as const)('a %s that has begun is too late: 931', async kind => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass, start: gate.pass })
    const { id } = await change(ACT, { kind, droplet: 'cikit01' })
    await gate.entered
    expect(operations.show(id).cancellable).toBe(false)
    await expect(operations.cancel(ACT, id)).rejects.toMatchObject({ errorId: 931, status: 409 })
    gate.open()
    await operations.outcome(id)
  })

  test('what has ended is too late: 931', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
    await operations.outcome(id)
    await expect(operations.cancel(ACT, id)).rejects.toMatchObject({ errorId: 931 })
    expect(host.names()).toEqual(['cikit01'])
  })

  test('one that is done before it hears of it is too late: 931', async () => {
    await using host = createTestDroplets()
    const gate = createGate()
    const { operations } = host.startService()
    const { id } = await operations.start({
      ...{ kind: 'add', droplet: null, dropletId: null, act: ACT, claim: undefined, undoable: true },
      async work(handle) {
        handle.begin()
        await gate.pass()
      },
    })
    await gate.entered
    const cancelled = operations.cancel(ACT, id)
    gate.open()
    await expect(cancelled).rejects.toMatchObject({ errorId: 931 })
    expect(operations.show(id)).toMatchObject({ state: 'done' })
  })

  test('twice undoes it once, and tells both, at the same time or later', async () => {
    await using host = createTestDroplets()
    const gate = createGate()
    const { change, operations } = host.startService({ prepare: gate.pass })
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
    await gate.entered
    const both = Promise.all([operations.cancel(ACT, id), operations.cancel(ACT, id)])
    gate.open()
    expect((await both).map(({ state }) => state)).toEqual(['cancelled', 'cancelled'])
    expect(await operations.cancel(ACT, id)).toMatchObject({ state: 'cancelled' })
    expect(await host.startService().operations.cancel(ACT, id)).toMatchObject({ state: 'cancelled' })
  })
})

describe('a key', () => {
  const claim = (key: string, userId = 'ada', what = 'add') => ({
    userId,
    key: Buffer.from(key),
    fingerprint: Buffer.from(what),
  })

  test('gives the same operation, once, however often and at once it is asked with', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    const ask = () => change(ACT, { kind: 'add', sshKeys: [] }, claim('k'))
    const ids = (await Promise.all(Array.from({ length: 20 }, ask))).map(({ id }) => id)
    expect(new Set(ids).size).toBe(1)
    await operations.outcome(ids[0] ?? '')
    expect(await ask()).toMatchObject({ id: ids[0], state: 'done' })
    expect(host.names()).toEqual(['cikit01'])
    // After a restart, too.
    expect(await host.startService().change(ACT, { kind: 'add', sshKeys: [] }, claim('k'))).toMatchObject({
      id: ids[0],
    })
  })

  test('is of one user', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    for (const user of ['ada', 'bob']) await change(ACT, { kind: 'add', sshKeys: [] }, claim('k', user))
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('for something else is 930, and nothing is done', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    await change(ACT, { kind: 'add', sshKeys: [] }, claim('k'))
    await operations.idle()
    const other = change(ACT, { kind: 'add', sshKeys: ['x'] }, claim('k', 'ada', 'another add'))
    await expect(other).rejects.toMatchObject({ errorId: 930, status: 409 })
    const both = await Promise.allSettled(
      ['one', 'two'].map(what => change(ACT, { kind: 'add', sshKeys: [] }, claim('l', 'ada', what))),
    )
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('of a deletion is not asked for the droplet again, which is gone', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const { change, operations } = host.startService()
    const ask = () => change(ACT, { kind: 'delete', droplet: 'cikit01' }, claim('k'))
    const { id } = await ask()
    await operations.outcome(id)
    expect(await ask()).toMatchObject({ id, state: 'done' })
  })
})

describe('are kept', () => {
  const DAY_MS = 86_400_000

  test('for 7 days after their end, with their key', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    const claim = { userId: 'ada', key: Buffer.from('k'), fingerprint: Buffer.from('add') }
    const { id } = await change(ACT, { kind: 'add', sshKeys: [] }, claim)
    await operations.idle()
    host.clock.move(7 * DAY_MS)
    await host.db.write(operations.removeOld)
    expect(operations.show(id)).toMatchObject({ id })
    host.clock.move(1)
    await host.db.write(operations.removeOld)
    expect(() => operations.show(id)).toThrow('not found')
    await change(ACT, { kind: 'add', sshKeys: [] }, claim)
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('the newest 100,000 of them, and those that have not ended', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { add, change, operations } = host.startService({ stop: gate.pass })
    await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    for (let count = 0; count < 3; count++) await add(ACT)
    const [newest] = operations.list({ limit: 1 })
    // As if so many had come before it.
    host.db.sql.run('UPDATE operations SET number = 100002 WHERE id = ?', [newest?.id ?? ''])
    await host.db.write(operations.removeOld)
    expect(operations.list({}).map(({ droplet, state }) => `${droplet} ${state}`)).toEqual([
      'cikit04 done',
      'cikit03 done',
      'cikit01 running',
    ])
    gate.open()
  })

  test('as long as they have not ended', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const { id } = await change(ACT, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    host.clock.move(30 * DAY_MS)
    await host.db.write(operations.removeOld)
    expect(operations.list({})).toMatchObject([{ id, state: 'running' }])
    gate.open()
  })
})

test('the list of a droplet has the add that is just making it', async () => {
  await using host = createTestDroplets()
  const gate = createGate()
  const { change, operations } = host.startService({
    async start(id) {
      await gate.pass()
      await host.memory.engine.start(id)
    },
  })
  const { id } = await change(ACT, { kind: 'add', sshKeys: [] })
  await change(ACT, { kind: 'add', sshKeys: [] })
  await gate.entered
  expect(operations.list({ droplet: 'cikit01' }).map(operation => operation.id)).toEqual([id])
  expect(operations.list({}).length).toBe(2)
  gate.open()
  await operations.idle()
  expect(operations.list({ droplet: 'cikit01' }).map(operation => operation.id)).toEqual([id])
})

test('the list is newest first, by page and by droplet', async () => {
  await using host = createTestDroplets()
  const service = host.startService()
  await service.add(ACT)
  await service.add(ACT)
  await service.stop(ACT, 'cikit01')
  const inWords = (filter = {}) => service.operations.list(filter).map(({ kind, droplet }) => `${kind} ${droplet}`)
  expect(inWords()).toEqual(['stop cikit01', 'add cikit02', 'add cikit01'])
  expect(inWords({ limit: 1 })).toEqual(['stop cikit01'])
  expect(inWords({ droplet: 'cikit01' })).toEqual(['stop cikit01', 'add cikit01'])
  const [first] = service.operations.list({ limit: 1 })
  expect(inWords({ before: first?.id })).toEqual(['add cikit02', 'add cikit01'])
  expect(inWords({ before: 'nobody' })).toEqual([])
})

const ORDER = ['queued', 'running', 'done']
const inOrder = (left: string, right: string) => ORDER.indexOf(left) - ORDER.indexOf(right)
