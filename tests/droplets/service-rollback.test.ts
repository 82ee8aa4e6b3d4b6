import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestDropletHost } from '../testkit/droplets/droplet-host.ts'

type Host = ReturnType<typeof createTestDropletHost>

const rejectedError = () =>
  new ApiError('engineRefused', { text: 'Error response from daemon: no space left on device' })
const unavailableError = () => new ApiError('engineUnavailable')
const never = () => new Promise<never>(() => {})

function expectNothingLeft(host: Host) {
  expect(host.names()).toEqual([])
  expect(host.keyFolders()).toEqual([])
  expect(host.provisioningJournal.list()).toEqual([])
}

describe('a failed add', () => {
  test.each(['create', 'start'] as const)('at %s leaves no container, key or journal entry', async at => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext(at, rejectedError())
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({
      errorId: 900,
      message: rejectedError().message,
    })
    expectNothingLeft(host)
    // The engine responded, so no late creation is possible.
    expect(host.memoryEngine.calls).toContain('removeMarked')
  })

  test('is gone from the list when its response arrives', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('start', rejectedError())
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 900 })
    expect(host.refreshes).toEqual([{ id: expect.any(String), names: [] }])
  })

  test('is rolled back if the container was created but the response was lost', async () => {
    await using host = createTestDropletHost()
    const service = host.startService({
      create: async droplet => {
        await host.memoryEngine.engine.create(droplet)
        throw unavailableError()
      },
    })
    await expect(service.add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 918 })
    expectNothingLeft(host)
  })

  test('is rolled back if the engine creates the container after the response was lost', async () => {
    await using host = createTestDropletHost()
    let mark = ''
    const service = host.startService({
      create: async droplet => {
        mark = droplet.mark
        throw unavailableError()
      },
    })
    await expect(service.add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 918 })
    host.addDroplet('cikit01', mark)
    const nextService = host.startService()
    await nextService.add(TEST_ACTOR)
    expect(host.memoryEngine.droplets.some(droplet => droplet.mark === mark)).toBe(false)
  })

  test('touches no other droplet or key', async () => {
    await using host = createTestDropletHost()
    const service = host.startService()
    await service.add(TEST_ACTOR)
    host.memoryEngine.failNext('start', rejectedError())
    await expect(service.add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 900 })
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
  })

  test('reports its own error if the rollback fails, which is retried in the background', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('start', rejectedError())
    host.memoryEngine.failNext('removeMarked', unavailableError())
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 900 })
    await host.waitForLog('unfinished add rolled back')
    expectNothingLeft(host)
  })

  test('is rolled back after repeated failures', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('start', rejectedError())
    for (let failure = 0; failure < 2; failure++) host.memoryEngine.failNext('removeMarked', unavailableError())
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 900 })
    await host.waitForLog('unfinished add rolled back')
    expectNothingLeft(host)
  })
})

describe('an orphan of a crashed process', () => {
  test.each(['create', 'start'] as const)('that crashed at %s is rolled back by the next process', async at => {
    await using host = createTestDropletHost()
    const reached = Promise.withResolvers<void>()
    const crashed = host.startService({
      create: async droplet => {
        const id = await host.memoryEngine.engine.create(droplet)
        if (at === 'start') return id
        reached.resolve()
        return await never()
      },
      start: () => {
        reached.resolve()
        return never()
      },
    })
    void crashed.add(TEST_ACTOR)
    await reached.promise
    expect(host.names()).toEqual(['cikit01'])
    await host.startService().resume()
    await host.waitForLog('unfinished add rolled back')
    expectNothingLeft(host)
  })

  test('is rolled back before the next add, which gets its number', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01', 'crashed')
    host.keys.save('cikit01', host.keys.generate('cikit01'))
    await host.leaveOrphan('cikit01', 'crashed')
    await host.startService().add(TEST_ACTOR)
    expect(host.memoryEngine.calls.slice(0, 3)).toEqual(['removeMarked of an unanswered create', 'list', 'prepare'])
    expect(host.memoryEngine.droplets.map(({ name, mark }) => [name, mark === 'crashed'])).toEqual([['cikit01', false]])
    expect(host.provisioningJournal.list()).toEqual([])
  })

  test('blocks adds while it cannot be rolled back: 918, and nothing is created', async () => {
    await using host = createTestDropletHost()
    await host.leaveOrphan('cikit01', 'crashed')
    host.memoryEngine.failNext('removeMarked', unavailableError())
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 918 })
    expect(host.names()).toEqual([])
    expect(host.provisioningJournal.list()).toHaveLength(1)
  })

  test('is found if the engine creates it after the crash', async () => {
    await using host = createTestDropletHost()
    await host.leaveOrphan('cikit01', 'crashed')
    const service = host.startService()
    await service.resume()
    await service.idle()
    expect(host.memoryEngine.calls).toContain('removeMarked of an unanswered create')
    expect(host.provisioningJournal.list()).toHaveLength(1)
    host.clock.advance(29_999)
    const second = host.startService()
    await second.resume()
    await second.idle()
    expect(host.provisioningJournal.list()).toHaveLength(1)
    host.addDroplet('cikit01', 'crashed')
    await host.waitForLog('unfinished add rolled back')
    expectNothingLeft(host)
  })

  test('is given up after 30 seconds without a container', async () => {
    await using host = createTestDropletHost()
    await host.leaveOrphan('cikit01', 'crashed')
    host.clock.advance(30_000)
    const service = host.startService()
    await service.resume()
    await service.idle()
    expectNothingLeft(host)
  })

  test('is rolled back when the engine is back', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01', 'crashed')
    await host.leaveOrphan('cikit01', 'crashed')
    host.memoryEngine.failNext('removeMarked', unavailableError())
    await host.startService().resume()
    await host.waitForLog('unfinished adds not rolled back yet, retrying')
    await host.waitForLog('unfinished add rolled back')
    expectNothingLeft(host)
  })

  test('is rolled back completely, and nothing else is removed', async () => {
    await using host = createTestDropletHost()
    const service = host.startService()
    await service.add(TEST_ACTOR)
    for (const name of ['cikit05', 'cikit06']) {
      host.addDroplet(name, name)
      host.keys.save(name, host.keys.generate(name))
      await host.leaveOrphan(name, name)
    }
    await service.resume()
    await service.idle()
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
    expect(host.provisioningJournal.list()).toEqual([])
  })

  test('does not remove the keys of a droplet of the same name created by hand', async () => {
    await using host = createTestDropletHost()
    await host.leaveOrphan('cikit01', 'crashed')
    host.addDroplet('cikit01')
    host.keys.save('cikit01', host.keys.generate('cikit01'))
    host.clock.advance(30_000)
    const service = host.startService()
    await service.resume()
    await service.idle()
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
    expect(host.provisioningJournal.list()).toEqual([])
  })

  test('stays in the journal if the service closes first', async () => {
    await using host = createTestDropletHost()
    await host.leaveOrphan('cikit01', 'crashed')
    const service = host.startService()
    await service.resume()
    await service.close()
    expect(host.provisioningJournal.list()).toHaveLength(1)
  })
})

test('a running add is not an orphan', async () => {
  await using host = createTestDropletHost()
  const started = Promise.withResolvers<void>()
  const startReleased = Promise.withResolvers<void>()
  const service = host.startService({
    start: async id => {
      started.resolve()
      await startReleased.promise
      await host.memoryEngine.engine.start(id)
    },
  })
  const pendingAdd = service.add(TEST_ACTOR)
  await started.promise
  await service.resume()
  startReleased.resolve()
  await pendingAdd
  await service.idle()
  expect(host.memoryEngine.calls.join()).not.toContain('removeMarked')
  expect(host.memoryEngine.droplets.map(({ name, state }) => [name, state])).toEqual([['cikit01', 'running']])
  expect(host.keyFolders()).toEqual(['cikit01'])
})
