import { describe, expect, test } from 'bun:test'
import { pollUntil } from '../../../scripts/lib/run.ts'
import { ApiError } from '../../../src/core/errors.ts'
import type { OperationView } from '../../../src/droplets/operations/entry.ts'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestDropletHost } from '../../testkit/droplets/droplet-host.ts'
import { createGate } from '../../testkit/gate.ts'

// What can be cancelled, and when it is too late.

const unavailableError = () => new ApiError('engineUnavailable')
const stepLabels = ({ steps }: OperationView) =>
  steps.map(({ name, endedAt }) => `${name}${endedAt === undefined ? '…' : ''}`)

describe('cancelling', () => {
  test.each(['prepare', 'create', 'start'] as const)('an add at %s rolls it back', async at => {
    await using host = createTestDropletHost()
    const gate = createGate()
    const service = host.startService({
      async prepare() {
        if (at === 'prepare') await gate.pass()
      },
      async create(droplet) {
        if (at === 'create') await gate.pass()
        return await host.memoryEngine.engine.create(droplet)
      },
      async start(id) {
        if (at === 'start') await gate.pass()
        await host.memoryEngine.engine.start(id)
      },
    })
    const { id } = await service.change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await gate.entered()
    expect(service.operations.show(id)).toMatchObject({ state: 'running', cancellable: true })
    const cancelled = service.operations.cancel(TEST_ACTOR, id)
    gate.open()
    expect(await cancelled).toMatchObject({ id, state: 'cancelled', error: null, cancellable: false })
    // Nothing is started that would need a rollback.
    expect(host.memoryEngine.calls.includes('create cikit01')).toBe(at !== 'prepare')
    expect(host.memoryEngine.calls.includes('start cikit01')).toBe(at === 'start')
    await expect(service.operations.outcome(id)).rejects.toMatchObject({ errorId: 932, status: 409 })
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
    expect(host.provisioningJournal.list()).toEqual([])
    // The stored operation is the same, and the queue continues.
    await expect(host.startService().operations.outcome(id)).rejects.toMatchObject({ errorId: 932 })
    await service.add(TEST_ACTOR)
    expect(host.names()).toEqual(['cikit01'])
  })

  test('an add whose rollback fails does not report it as done; it is retried later', async () => {
    await using host = createTestDropletHost()
    const gate = createGate()
    const service = host.startService({
      async start() {
        await gate.pass()
      },
    })
    const { id } = await service.change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await gate.entered()
    host.memoryEngine.failNext('removeMarked', unavailableError())
    const cancelled = service.operations.cancel(TEST_ACTOR, id)
    gate.open()
    expect(stepLabels(await cancelled)).toEqual(['image', 'create', 'start', 'undo…'])
    expect(await pollUntil(5_000, () => host.provisioningJournal.list().length === 0)).toBe(true)
    expect(host.names()).toEqual([])
  })

  test('resolves after the rollback', async () => {
    await using host = createTestDropletHost()
    const [starting, undoing] = [createGate(), createGate()]
    const { change, operations } = host.startService({
      async start(id) {
        await starting.pass()
        await host.memoryEngine.engine.start(id)
      },
      async removeMarked(mark, createAnswered) {
        await undoing.pass()
        return await host.memoryEngine.engine.removeMarked(mark, createAnswered)
      },
    })
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await starting.entered()
    const cancelled = operations.cancel(TEST_ACTOR, id)
    starting.open()
    await undoing.entered()
    expect(operations.show(id)).toMatchObject({ state: 'running', cancellable: false, endedAt: null })
    undoing.open()
    expect(stepLabels(await cancelled)).toEqual(['image', 'create', 'start', 'undo'])
  })

  test('aborts the pull or build of the image', async () => {
    await using host = createTestDropletHost()
    const entered = Promise.withResolvers<void>()
    const service = host.startService({
      prepare: (_report, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(unavailableError()))
          entered.resolve()
        }),
    })
    const { id } = await service.change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await entered.promise
    expect(await service.operations.cancel(TEST_ACTOR, id)).toMatchObject({ state: 'cancelled' })
  })

  test('a queued operation ends it at once, before it has done anything', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const gate = createGate()
    const { change, operations, idle } = host.startService({ stop: gate.pass })
    await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
    await gate.entered()
    const { id } = await change(TEST_ACTOR, { kind: 'delete', droplet: 'cikit01' })
    expect(operations.show(id)).toMatchObject({ state: 'queued', cancellable: true })
    const cancelled = await operations.cancel(TEST_ACTOR, id)
    expect(cancelled).toMatchObject({ state: 'cancelled', startedAt: null })
    host.clock.advance(1_000)
    gate.open()
    await idle()
    // Reaching the front of the queue does not end it again.
    await new Promise(setImmediate)
    await host.db.write(() => undefined)
    expect(operations.show(id)).toEqual(cancelled)
    expect(host.names()).toEqual(['cikit01'])
    expect(operations.list({}).map(({ state }) => state)).toEqual(['cancelled', 'done'])
  })

  test.each(['start', 'stop', 'restart', 'delete'] as const)('a running %s is too late: 931', async kind => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const gate = createGate()
    const { change, operations } = host.startService({ stop: gate.pass, start: gate.pass })
    const { id } = await change(TEST_ACTOR, { kind, droplet: 'cikit01' })
    await gate.entered()
    expect(operations.show(id).cancellable).toBe(false)
    await expect(operations.cancel(TEST_ACTOR, id)).rejects.toMatchObject({ errorId: 931, status: 409 })
    gate.open()
    await operations.outcome(id)
  })

  test('an ended operation is too late: 931', async () => {
    await using host = createTestDropletHost()
    const { change, operations } = host.startService()
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await operations.outcome(id)
    await expect(operations.cancel(TEST_ACTOR, id)).rejects.toMatchObject({ errorId: 931 })
    expect(host.names()).toEqual(['cikit01'])
  })

  test('an operation that is done before it notices is too late: 931', async () => {
    await using host = createTestDropletHost()
    const gate = createGate()
    const { operations } = host.startService()
    const { id } = await operations.start({
      ...{ kind: 'add', droplet: null, dropletId: null, actor: TEST_ACTOR, idempotencyKey: undefined, undoable: true },
      async work(context) {
        context.start()
        await gate.pass()
      },
    })
    await gate.entered()
    const cancelled = operations.cancel(TEST_ACTOR, id)
    gate.open()
    await expect(cancelled).rejects.toMatchObject({ errorId: 931 })
    expect(operations.show(id)).toMatchObject({ state: 'done' })
  })

  test('twice rolls back once, and both calls get the result', async () => {
    await using host = createTestDropletHost()
    const gate = createGate()
    const { change, operations } = host.startService({ prepare: gate.pass })
    const { id } = await change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await gate.entered()
    const both = Promise.all([operations.cancel(TEST_ACTOR, id), operations.cancel(TEST_ACTOR, id)])
    gate.open()
    expect((await both).map(({ state }) => state)).toEqual(['cancelled', 'cancelled'])
    expect(await operations.cancel(TEST_ACTOR, id)).toMatchObject({ state: 'cancelled' })
    expect(await host.startService().operations.cancel(TEST_ACTOR, id)).toMatchObject({ state: 'cancelled' })
  })
})
