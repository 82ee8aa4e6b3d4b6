import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../../src/core/errors.ts'
import type { OperationView } from '../../../src/droplets/operations/entry.ts'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestDropletHost } from '../../testkit/droplets/droplet-host.ts'
import { createGate } from '../../testkit/gate.ts'

// The life cycle of operations, with the droplet service over an in-memory engine.

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
    // While its end is being stored it can no longer be cancelled.
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

  test('records when each step ended', async () => {
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

  test('that fails reports the error and the step', async () => {
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
    // The stored operation is the same.
    await expect(host.startService().operations.outcome(id)).rejects.toMatchObject({
      errorId: 900,
      message: 'Error response from daemon: no space',
    })
  })

  test('that failed shows its rollback as ended', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('start', unavailableError())
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 918 })
    expect(stepLabels(operations.show(id))).toEqual(['image', 'create', 'start', 'undo'])
  })

  test('whose rollback fails as well does not show it as ended', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('start', unavailableError())
    host.memoryEngine.failNext('removeMarked', unavailableError())
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 918 })
    expect(stepLabels(operations.show(id))).toEqual(['image', 'create', 'start', 'undo…'])
  })

  test('does not reveal an internal error', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('prepare', new Error('a secret place'))
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await expect(operations.outcome(id)).rejects.toMatchObject({ errorId: 0 })
    expect(JSON.stringify(operations.show(id))).not.toContain('secret')
    expect(operations.show(id).error).toEqual({ id: 0, text: 'Internal server error' })
  })

  test('reports build progress at most four times a second, and clears it with the step', async () => {
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
    // The last one is reported together with the chosen name.
    expect([...reported]).toEqual([2, 4, 6, 8, 9].map(done => `image: Step ${done} of 10`))
    expect(operations.show(id).progress).toBeNull()
  })

  test('clears the progress when the last step ends', async () => {
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
    await gate.entered()
    expect(operations.show(id)).toMatchObject({ progress: null, steps: [{ endedAt: host.clock.now() }] })
    gate.open()
  })

  test('is reported as a snapshot', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass })
    const queued = await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered()
    const running = operations.show(queued.id)
    gate.open()
    await operations.outcome(queued.id)
    expect([queued, running].map(({ state }) => state)).toEqual(['queued', 'running'])
  })

  test('that failed during a step is reported as ended', async () => {
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

  test('is done, and reported to the others, if a listener fails', async () => {
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

  test('is reported to listeners until they unsubscribe', async () => {
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

  test('is stored before the engine is called', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const gate = createGate()
    const { change } = host.startService({ stop: gate.pass })
    const { id } = await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered()
    // Another process would find it.
    expect(host.startService().operations.unfinished()).toMatchObject([{ id, kind: 'stop', droplet: 'cikit01' }])
    gate.open()
  })

  test('is rejected while 500 others are unfinished: 934', async () => {
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

  test('is rejected beyond 500, even if they are requested at the same time', async () => {
    await using host = createTestDropletHost()
    const gate = createGate()
    const { change, operations } = host.startService({ prepare: gate.pass })
    const requests = Array.from({ length: 510 }, () => change(TEST_ACTOR, { kind: 'add', sshKeys: [] }))
    const results = await Promise.allSettled(requests)
    const accepted = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    expect(accepted).toHaveLength(500)
    for (const { id } of accepted.slice(1)) await operations.cancel(TEST_ACTOR, id)
    gate.open()
    await operations.idle()
  })

  test('is rejected if it cannot be stored: 922', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    host.db.sql.run('PRAGMA query_only = ON')
    const service = host.startService()
    for (const run of [() => service.add(TEST_ACTOR), () => service.stop(TEST_ACTOR, 'cikit01')]) {
      await expect(run()).rejects.toMatchObject({ errorId: 922 })
    }
    expect(host.memoryEngine.calls).toEqual(['list'])
  })

  test('that is done while the store cannot be written is done, and stored later', async () => {
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
    // From then on it is stored like all others.
    host.clock.advance(8 * 86_400_000)
    await host.db.write(operations.removeOld)
    expect(() => operations.show(id)).toThrow('not found')
  })

  test('of an add that cannot be stored as done is rolled back', async () => {
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
