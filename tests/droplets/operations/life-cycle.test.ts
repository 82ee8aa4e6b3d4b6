import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../../src/core/errors.ts'
import type { OperationView } from '../../../src/droplets/operations/runner.ts'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestDropletHost } from '../../testkit/droplets/droplet-host.ts'
import { createGate } from '../../testkit/droplets/gate.ts'

// The life of an operation, told by the droplets' service over an engine in memory.

const unavailableError = () => new ApiError('engineUnavailable')
const stepLabels = ({ steps }: OperationView) =>
  steps.map(({ name, endedAt }) => `${name}${endedAt === undefined ? '…' : ''}`)

describe('an operation', () => {
  test('is queued, running and done, with its steps and their times', async () => {
    await using host = createTestDropletHost()
    const service = host.startService()
    const updates: OperationView[] = []
    service.operations.watch(operation => void updates.push(operation))
    const { id, createdAt } = await service.change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    host.clock.advance(5)
    await service.operations.outcome(id)
    expect(service.operations.show(id)).toEqual({
      ...{ id, kind: 'add', droplet: 'cikit01', dropletId: null, ...TEST_ACTOR, state: 'done', cancellable: false },
      ...{ createdAt, startedAt: expect.any(Number), endedAt: expect.any(Number), progress: null, error: null },
      steps: ['image', 'create', 'start'].map(name => ({
        name,
        startedAt: expect.any(Number),
        endedAt: expect.any(Number),
      })),
    })
    expect(updates.map(({ state }) => state)).toEqual(updates.map(({ state }) => state).toSorted(byState))
    expect(new Set(updates.map(({ state }) => state))).toEqual(new Set(['queued', 'running', 'done']))
    // While its end is being stored it is too late to cancel it.
    expect(updates.at(-2)).toMatchObject({ state: 'running', cancellable: false })
    expect(updates.every(operation => operation.id === id)).toBe(true)
  })

  test.each([
    ['start', ['start']],
    ['stop', ['stop']],
    ['restart', ['stop', 'start']],
    ['delete', ['stop', 'remove']],
  ] as const)('%s has the steps %p', async (kind, steps) => {
    await using host = createTestDropletHost()
    const { id: dropletId } = host.addDroplet('cikit01')
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind, droplet: 'cikit01' })
    await operations.outcome(id)
    const operation = operations.show(id)
    expect(operation).toMatchObject({ kind, droplet: 'cikit01', dropletId, state: 'done' })
    expect(stepLabels(operation)).toEqual([...steps])
  })

  test('keeps when each step ended', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const advanceBy = (ms: number) => async () => host.clock.advance(ms)
    const { change, operations } = host.startService({ stop: advanceBy(1_000), start: advanceBy(2_000) })
    const { id, createdAt: requestedAt } = await change(TEST_ACTOR, { kind: 'restart', droplet: 'cikit01' })
    await operations.outcome(id)
    expect(operations.show(id).steps).toEqual([
      { name: 'stop', startedAt: requestedAt, endedAt: requestedAt + 1_000 },
      { name: 'start', startedAt: requestedAt + 1_000, endedAt: requestedAt + 3_000 },
    ])
  })

  test('that fails says why, and at which step', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    host.memoryEngine.failNext('start', new ApiError('engineRefused', { text: 'Error response from daemon: no space' }))
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind: 'restart', droplet: 'cikit01' })
    await expect(operations.outcome(id)).rejects.toMatchObject({
      errorId: 900,
      message: expect.stringContaining('no space'),
    })
    const operation = operations.show(id)
    expect(operation).toMatchObject({
      state: 'failed',
      error: { id: 900, text: 'Error response from daemon: no space' },
    })
    expect(stepLabels(operation)).toEqual(['stop', 'start…'])
    // What it is told from the store later is the same.
    await expect(host.startService().operations.outcome(id)).rejects.toMatchObject({
      errorId: 900,
      message: 'Error response from daemon: no space',
    })
  })

  test('that failed and was undone shows that', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('start', unavailableError())
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 918 })
    expect(stepLabels(operations.show(id))).toEqual(['image', 'create', 'start', 'undo'])
  })

  test('whose undoing fails, too, does not say that it was undone', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('start', unavailableError())
    host.memoryEngine.failNext('removeMarked', unavailableError())
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 918 })
    expect(stepLabels(operations.show(id))).toEqual(['image', 'create', 'start', 'undo…'])
  })

  test('of an error of ours tells nothing of it', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('prepare', new Error('a secret place'))
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 0 })
    expect(JSON.stringify(operations.show(id))).not.toContain('secret')
    expect(operations.show(id).error).toEqual({ id: 0, text: 'Internal server error' })
  })

  test('tells how far a build is, four times a second at most, and forgets it with the step', async () => {
    await using host = createTestDropletHost()
    const reported = new Set<string>()
    const { change, operations } = host.startService({
      async prepare(onProgress) {
        for (let done = 0; done < 10; done++) {
          onProgress({ text: `Step ${done}`, done, total: 10 })
          host.clock.advance(125)
        }
      },
    })
    operations.watch(({ progress, steps }) => {
      if (progress) reported.add(`${steps.at(-1)?.name}: ${progress.text} of ${progress.total}`)
    })
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await operations.outcome(id)
    // The last one is told with the name that is chosen then.
    expect([...reported]).toEqual([2, 4, 6, 8, 9].map(done => `image: Step ${done} of 10`))
    expect(operations.show(id).progress).toBeNull()
  })

  test('forgets how far a step is when that is over, also when no other one follows', async () => {
    await using host = createTestDropletHost()
    const { operations } = host.startService()
    const gate = createGate()
    const { id } = await operations.start({
      ...{ kind: 'add', droplet: null, dropletId: null, actor: TEST_ACTOR, idempotencyKey: undefined, undoable: true },
      async work(context) {
        context.startStep('image')
        context.reportProgress({ text: 'Working' })
        context.endStep()
        await gate.pass()
      },
    })
    await gate.entered
    expect(operations.show(id)).toMatchObject({ progress: null, steps: [{ endedAt: host.clock.now() }] })
    gate.open()
  })

  test('is told as it was at that moment', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const queued = await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    const running = operations.show(queued.id)
    gate.open()
    await operations.outcome(queued.id)
    expect([queued, running].map(({ state }) => state)).toEqual(['queued', 'running'])
  })

  test('that failed in the middle of a step is told as what is over', async () => {
    await using host = createTestDropletHost()
    const { change, operations } = host.startService({
      async prepare(onProgress) {
        onProgress({ text: 'Working' })
        throw unavailableError()
      },
    })
    const updates: OperationView[] = []
    operations.watch(operation => void updates.push(operation))
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 918 })
    expect(updates.at(-1)).toEqual(operations.show(id))
    expect(updates.at(-1)).toMatchObject({ state: 'failed', cancellable: false, progress: null })
  })

  test('is done, and told to the others, when a watcher fails', async () => {
    await using host = createTestDropletHost()
    const { add, operations } = host.startService()
    const states: string[] = []
    operations.watch(() => {
      throw new Error('no')
    })
    operations.watch(({ state }) => void states.push(state))
    await add(TEST_ACTOR)
    expect(states.at(-1)).toBe('done')
    await host.waitForLog('an operation listener failed')
  })

  test('is told to who watches, and not after that', async () => {
    await using host = createTestDropletHost()
    const { add, operations } = host.startService()
    let updateCount = 0
    const unwatch = operations.watch(() => void updateCount++)
    await add(TEST_ACTOR)
    const countBefore = updateCount
    unwatch()
    await add(TEST_ACTOR)
    expect(countBefore).toBeGreaterThan(0)
    expect(updateCount).toBe(countBefore)
  })

  test('is in the store before the engine hears of it', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const gate = createGate()
    const { change } = host.startService({ stop: gate.pass })
    const { id } = await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered
    // Another process would find it.
    expect(host.startService().operations.unfinished()).toMatchObject([{ id, kind: 'stop', droplet: 'cikit01' }])
    gate.open()
  })

  test('is not begun while 500 others have not ended: 934', async () => {
    await using host = createTestDropletHost()
    const gate = createGate()
    const { change, operations } = host.startService({ prepare: gate.pass })
    const add = () => change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    const ids: string[] = []
    for (let count = 0; count < 500; count++) ids.push((await add()).id)
    await expect(add()).rejects.toMatchObject({ errorId: 934, status: 429, retryAfterSeconds: 10 })
    await operations.cancel(TEST_ACTOR, ids.at(-1) ?? '')
    await operations.cancel(TEST_ACTOR, (await add()).id)
    for (const id of ids.slice(1, -1)) await operations.cancel(TEST_ACTOR, id)
    gate.open()
    await operations.idle()
    expect(host.names()).toEqual(['cikit01'])
  })

  test('is not begun beyond 500, be they asked for at the same moment', async () => {
    await using host = createTestDropletHost()
    const gate = createGate()
    const { change, operations } = host.startService({ prepare: gate.pass })
    const requests = Array.from({ length: 510 }, () => change(TEST_ACTOR, { kind: 'add', sshKeys: [] }))
    const answers = await Promise.allSettled(requests)
    const accepted = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
    expect(accepted).toHaveLength(500)
    for (const { id } of accepted.slice(1)) await operations.cancel(TEST_ACTOR, id)
    gate.open()
    await operations.idle()
  })

  test('is not begun when it cannot be stored: 922', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    host.db.sql.run('PRAGMA query_only = ON')
    const service = host.startService()
    for (const run of [() => service.add(TEST_ACTOR), () => service.stop(TEST_ACTOR, 'cikit01')]) {
      await expect(run()).rejects.toMatchObject({ errorId: 922 })
    }
    expect(host.memoryEngine.calls).toEqual(['list'])
  })

  test('that is done when the store cannot be written is done, and stored later', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const { change, operations } = host.startService({
      async stop(id) {
        host.db.sql.run('PRAGMA query_only = ON')
        await host.memoryEngine.engine.stop(id)
      },
    })
    const { id } = await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
    await operations.outcome(id)
    expect(operations.show(id).state).toBe('done')
    expect(operations.list({})).toMatchObject([{ id, state: 'done' }])
    await operations.idle()
    host.db.sql.run('PRAGMA query_only = OFF')
    await host.flushDeferredWrites()
    expect(host.startService().operations.show(id)).toMatchObject({ id, state: 'done' })
    // And from then on kept as all others are.
    host.clock.advance(8 * 86_400_000)
    await host.db.write(operations.removeOld)
    expect(() => operations.show(id)).toThrow('not found')
  })

  test('of an add that cannot be stored as done is undone', async () => {
    await using host = createTestDropletHost()
    const service = host.startService({
      async start(id) {
        await host.memoryEngine.engine.start(id)
        host.db.sql.run('PRAGMA query_only = ON')
      },
    })
    await expect(service.add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 922 })
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
  })
})

const STATE_ORDER = ['queued', 'running', 'done']
const byState = (left: string, right: string) => STATE_ORDER.indexOf(left) - STATE_ORDER.indexOf(right)
