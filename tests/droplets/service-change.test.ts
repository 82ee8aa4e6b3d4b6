import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestDropletHost } from '../testkit/droplets/droplet-host.ts'

const changes = ['start', 'stop', 'restart', 'remove'] as const

describe('an existing droplet', () => {
  test.each([
    ['start', ['list', 'start cikit02'], 'running'],
    ['stop', ['list', 'stop cikit02'], 'exited'],
    ['restart', ['list', 'stop cikit02', 'start cikit02'], 'running'],
  ] as const)('%s calls %p and affects no other droplet', async (change, calls, state) => {
    await using host = createTestDropletHost()
    for (const name of ['cikit01', 'cikit02']) host.addDroplet(name)
    const service = host.startService()
    await service[change](TEST_ACTOR, 'cikit02')
    expect(host.memoryEngine.calls).toEqual([...calls])
    expect(host.memoryEngine.droplets.map(droplet => [droplet.name, droplet.state])).toEqual([
      ['cikit02', state],
      ['cikit01', 'running'],
    ])
  })

  test('is stopped and removed by a deletion, with its keys and no others', async () => {
    await using host = createTestDropletHost()
    const service = host.startService()
    for (let count = 0; count < 2; count++) await service.add(TEST_ACTOR)
    host.memoryEngine.calls.length = 0
    await service.remove(TEST_ACTOR, 'cikit01')
    expect(host.memoryEngine.calls).toEqual(['list', 'stop cikit01', 'remove cikit01'])
    expect(host.names()).toEqual(['cikit02'])
    expect(host.keyFolders()).toEqual(['cikit02'])
  })

  test('being deleted leaves the keys of a new droplet of the same name', async () => {
    await using host = createTestDropletHost()
    const removed = Promise.withResolvers<void>()
    const removeReleased = Promise.withResolvers<void>()
    const service = host.startService({
      async remove(id) {
        await host.memoryEngine.engine.remove(id)
        removed.resolve()
        await removeReleased.promise
      },
    })
    await service.add(TEST_ACTOR)
    const removal = service.remove(TEST_ACTOR, 'cikit01')
    await removed.promise
    const add = service.add(TEST_ACTOR)
    // Long enough for an add that does not wait.
    await Promise.race([add, Bun.sleep(200)])
    removeReleased.resolve()
    await Promise.all([removal, add])
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
  })

  test.each(['stop', 'remove'] as const)('keeps its keys if the engine rejects %s', async call => {
    await using host = createTestDropletHost()
    const service = host.startService()
    await service.add(TEST_ACTOR)
    host.memoryEngine.failNext(call, new ApiError('engineRefused'))
    await expect(service.remove(TEST_ACTOR, 'cikit01')).rejects.toMatchObject({ errorId: 900 })
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
  })

  test('is not started by a restart whose stop failed', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    host.memoryEngine.failNext('stop', new ApiError('engineRefused'))
    await expect(host.startService().restart(TEST_ACTOR, 'cikit01')).rejects.toMatchObject({ errorId: 900 })
    expect(host.memoryEngine.calls).not.toContain('start cikit01')
  })

  test('runs its changes one after another', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const service = host.startService()
    await Promise.all([
      service.restart(TEST_ACTOR, 'cikit01'),
      service.stop(TEST_ACTOR, 'cikit01'),
      service.remove(TEST_ACTOR, 'cikit01'),
    ])
    expect(host.memoryEngine.calls).toEqual([
      ...['list', 'list', 'list'],
      ...['stop cikit01', 'start cikit01'],
      'stop cikit01',
      ...['stop cikit01', 'remove cikit01'],
    ])
  })

  test('does not wait for other droplets or for an add', async () => {
    await using host = createTestDropletHost()
    const engineReleased = Promise.withResolvers<void>()
    const stuck = host.addDroplet('cikit01')
    host.addDroplet('cikit02')
    const service = host.startService({
      prepare: () => engineReleased.promise,
      stop: id => (id === stuck.id ? engineReleased.promise : host.memoryEngine.engine.stop(id)),
    })
    const waiting = [service.add(TEST_ACTOR), service.stop(TEST_ACTOR, 'cikit01')]
    await service.stop(TEST_ACTOR, 'cikit02')
    expect(host.memoryEngine.droplets.find(({ name }) => name === 'cikit02')?.state).toBe('exited')
    engineReleased.resolve()
    await Promise.all(waiting)
  })
})

describe.each(changes)('%s', change => {
  test.each(['cikit00', 'cikit100', 'CIKIT01', 'cikit', 'nginx', '..', '--help', '7e16c2cb0bf6', 'a'.repeat(64)])(
    'rejects the name %s without engine calls',
    async name => {
      await using host = createTestDropletHost()
      host.addDroplet('cikit01')
      await expect(host.startService()[change](TEST_ACTOR, name)).rejects.toMatchObject({
        errorId: 900,
        status: 400,
        message: `Error response from daemon: No such container: ${name}`,
      })
      expect(host.memoryEngine.calls).toEqual([])
    },
  )

  test.each([
    '',
    'cikit01\n',
    'cikit01?force=1',
    'cikit01\0',
    '../../version',
    '..%2f..%2fversion',
    ';reboot',
    '$(id)',
    '{{7*7}}',
    '(a+)+$',
    '<b>x</b>',
    'cikit\u202e10',
    'a'.repeat(65),
  ])('rejects %j without repeating it and without engine calls', async name => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    await expect(host.startService()[change](TEST_ACTOR, name)).rejects.toMatchObject({
      errorId: 900,
      message: 'Error response from daemon: No such container',
    })
    expect(host.memoryEngine.calls).toEqual([])
  })

  test('rejects an unknown name', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    await expect(host.startService()[change](TEST_ACTOR, 'cikit10')).rejects.toMatchObject({
      errorId: 900,
      message: 'Error response from daemon: No such container: cikit10',
    })
    expect(host.names()).toEqual(['cikit01'])
    expect(host.memoryEngine.calls).toEqual(['list'])
  })

  test('reports an unavailable engine instead of an unknown droplet', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    host.memoryEngine.failNext('list', new ApiError('engineUnavailable'))
    await expect(host.startService()[change](TEST_ACTOR, 'cikit01')).rejects.toMatchObject({ errorId: 918 })
    expect(host.memoryEngine.calls).toEqual(['list'])
  })
})
