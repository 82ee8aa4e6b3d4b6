import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/errors.ts'
import { ACT } from '../_support/act.ts'
import { createTestDroplets } from '../_support/droplets.ts'

type Host = ReturnType<typeof createTestDroplets>

const refused = () => new ApiError('engineRefused', { text: 'Error response from daemon: no space left on device' })
const away = () => new ApiError('engineUnavailable')
const never = () => new Promise<never>(() => {})

function expectNothingLeft(host: Host) {
  expect(host.names()).toEqual([])
  expect(host.keyFolders()).toEqual([])
  expect(host.unfinished.list()).toEqual([])
}

describe('a failed add', () => {
  test.each(['create', 'start'] as const)('at %s leaves no container, no key and no entry of the journal', async at => {
    await using host = createTestDroplets()
    host.memory.fail(at, refused())
    await expect(host.startService().add(ACT)).rejects.toMatchObject({ errorId: 900, message: refused().message })
    expectNothingLeft(host)
    // The engine said that it is done, so there is nothing to wait for.
    expect(host.memory.calls).toContain('removeMarked')
  })

  test('is undone when the container came into being and the answer was lost', async () => {
    await using host = createTestDroplets()
    const service = host.startService({
      create: async droplet => {
        await host.memory.engine.create(droplet)
        throw away()
      },
    })
    await expect(service.add(ACT)).rejects.toMatchObject({ errorId: 918 })
    expectNothingLeft(host)
  })

  test('is undone when the engine creates the container only after its answer was lost', async () => {
    await using host = createTestDroplets()
    let mark = ''
    const service = host.startService({
      create: async droplet => {
        mark = droplet.mark
        throw away()
      },
    })
    await expect(service.add(ACT)).rejects.toMatchObject({ errorId: 918 })
    host.put('cikit01', mark)
    const later = host.startService()
    await later.add(ACT)
    expect(host.memory.droplets.some(droplet => droplet.mark === mark)).toBe(false)
  })

  test('touches no other droplet and no other key', async () => {
    await using host = createTestDroplets()
    const service = host.startService()
    await service.add(ACT)
    host.memory.fail('start', refused())
    await expect(service.add(ACT)).rejects.toMatchObject({ errorId: 900 })
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
  })

  test('that cannot be undone at once says why it failed, and is undone later without being asked', async () => {
    await using host = createTestDroplets()
    host.memory.fail('start', refused())
    host.memory.fail('removeMarked', away())
    await expect(host.startService().add(ACT)).rejects.toMatchObject({ errorId: 900 })
    await host.untilLogged('unfinished add undone')
    expectNothingLeft(host)
  })

  test('is undone however often that fails', async () => {
    await using host = createTestDroplets()
    host.memory.fail('start', refused())
    for (let failure = 0; failure < 2; failure++) host.memory.fail('removeMarked', away())
    await expect(host.startService().add(ACT)).rejects.toMatchObject({ errorId: 900 })
    await host.untilLogged('unfinished add undone')
    expectNothingLeft(host)
  })
})

describe('what a crashed process left', () => {
  test.each(['create', 'start'] as const)('while it was at %s is undone by the next one', async at => {
    await using host = createTestDroplets()
    const reached = Promise.withResolvers<void>()
    const crashed = host.startService({
      create: async droplet => {
        const id = await host.memory.engine.create(droplet)
        if (at === 'start') return id
        reached.resolve()
        return await never()
      },
      start: () => {
        reached.resolve()
        return never()
      },
    })
    void crashed.add(ACT)
    await reached.promise
    expect(host.names()).toEqual(['cikit01'])
    await host.startService().resume()
    await host.untilLogged('unfinished add undone')
    expectNothingLeft(host)
  })

  test('is undone before the next add, which gets its number', async () => {
    await using host = createTestDroplets()
    host.put('cikit01', 'crashed')
    host.keys.save('cikit01', host.keys.generate('cikit01'))
    await host.leaveUnfinished('cikit01', 'crashed')
    await host.startService().add(ACT)
    expect(host.memory.calls.slice(0, 3)).toEqual(['removeMarked of an unanswered create', 'list', 'prepare'])
    expect(host.memory.droplets.map(({ name, mark }) => [name, mark === 'crashed'])).toEqual([['cikit01', false]])
    expect(host.unfinished.list()).toEqual([])
  })

  test('holds up an add while it cannot be undone: 918, and nothing is created', async () => {
    await using host = createTestDroplets()
    await host.leaveUnfinished('cikit01', 'crashed')
    host.memory.fail('removeMarked', away())
    await expect(host.startService().add(ACT)).rejects.toMatchObject({ errorId: 918 })
    expect(host.names()).toEqual([])
    expect(host.unfinished.list()).toHaveLength(1)
  })

  test('is found when the engine creates it only after the crash', async () => {
    await using host = createTestDroplets()
    await host.leaveUnfinished('cikit01', 'crashed')
    const service = host.startService()
    await service.resume()
    await service.idle()
    expect(host.memory.calls).toContain('removeMarked of an unanswered create')
    expect(host.unfinished.list()).toHaveLength(1)
    host.clock.move(29_999)
    const second = host.startService()
    await second.resume()
    await second.idle()
    expect(host.unfinished.list()).toHaveLength(1)
    host.put('cikit01', 'crashed')
    await host.untilLogged('unfinished add undone')
    expectNothingLeft(host)
  })

  test('is no longer looked for after 30 seconds', async () => {
    await using host = createTestDroplets()
    await host.leaveUnfinished('cikit01', 'crashed')
    host.clock.move(30_000)
    const service = host.startService()
    await service.resume()
    await service.idle()
    expectNothingLeft(host)
  })

  test('is undone when the engine comes back', async () => {
    await using host = createTestDroplets()
    host.put('cikit01', 'crashed')
    await host.leaveUnfinished('cikit01', 'crashed')
    host.memory.fail('removeMarked', away())
    await host.startService().resume()
    await host.untilLogged('unfinished adds not undone yet, trying on')
    await host.untilLogged('unfinished add undone')
    expectNothingLeft(host)
  })

  test('is all undone, and nothing but that', async () => {
    await using host = createTestDroplets()
    const service = host.startService()
    await service.add(ACT)
    for (const name of ['cikit05', 'cikit06']) {
      host.put(name, name)
      host.keys.save(name, host.keys.generate(name))
      await host.leaveUnfinished(name, name)
    }
    await service.resume()
    await service.idle()
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
    expect(host.unfinished.list()).toEqual([])
  })

  test('takes no key from a droplet of the same name that was made by hand', async () => {
    await using host = createTestDroplets()
    await host.leaveUnfinished('cikit01', 'crashed')
    host.put('cikit01')
    host.keys.save('cikit01', host.keys.generate('cikit01'))
    host.clock.move(30_000)
    const service = host.startService()
    await service.resume()
    await service.idle()
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
    expect(host.unfinished.list()).toEqual([])
  })

  test('waits in the journal when the service closes first', async () => {
    await using host = createTestDroplets()
    await host.leaveUnfinished('cikit01', 'crashed')
    const service = host.startService()
    await service.resume()
    await service.close()
    expect(host.unfinished.list()).toHaveLength(1)
  })
})

test('an add under way is no leftover', async () => {
  await using host = createTestDroplets()
  const started = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const service = host.startService({
    start: async id => {
      started.resolve()
      await goOn.promise
      await host.memory.engine.start(id)
    },
  })
  const adding = service.add(ACT)
  await started.promise
  await service.resume()
  goOn.resolve()
  await adding
  await service.idle()
  expect(host.memory.calls.join()).not.toContain('removeMarked')
  expect(host.memory.droplets.map(({ name, state }) => [name, state])).toEqual([['cikit01', 'running']])
  expect(host.keyFolders()).toEqual(['cikit01'])
})
