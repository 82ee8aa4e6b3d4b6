import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiError } from '../../src/core/errors.ts'
import type { NewDroplet } from '../../src/droplets/engine.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestDropletHost } from '../testkit/droplets/droplet-host.ts'

const twoDigits = (number: number) => String(number).padStart(2, '0')

test('prepares, lists, creates and starts, in that order', async () => {
  await using host = createTestDropletHost()
  await host.startService().add(TEST_ACTOR)
  expect(host.memoryEngine.calls).toEqual(['prepare', 'list', 'create cikit01', 'start cikit01'])
  expect(host.provisioningJournal.list()).toEqual([])
})

test('creates with host name, ports, the stored key and a mark', async () => {
  await using host = createTestDropletHost()
  const createRequests: NewDroplet[] = []
  const service = host.startService({
    create: droplet => {
      createRequests.push(droplet)
      return host.memoryEngine.engine.create(droplet)
    },
  })
  await service.add(TEST_ACTOR)
  expect(createRequests).toEqual([
    {
      name: 'cikit01',
      hostname: 'cikit01.matrix.test',
      ports: [
        { host: '0.0.0.0', hostPort: 2201, dropletPort: 22 },
        { host: '127.0.0.1', hostPort: 8001, dropletPort: 80 },
        { host: '127.0.0.1', hostPort: 44301, dropletPort: 443 },
      ],
      authorizedKeys: readFileSync(join(host.credentialsDir, 'cikit01/cikit01.public.key'), 'utf8'),
      mark: expect.stringMatching(/^[0-9a-f-]{36}\.1$/),
      createdBy: TEST_ACTOR.user,
    },
  ])
})

test('writes the journal entry before the engine is called', async () => {
  await using host = createTestDropletHost()
  const recordedMarks: unknown[] = []
  const service = host.startService({
    create: droplet => {
      expect(host.provisioningJournal.list()).toEqual([
        { mark: droplet.mark, name: 'cikit01', startedAt: host.clock.now() },
      ])
      recordedMarks.push(droplet.mark)
      return host.memoryEngine.engine.create(droplet)
    },
  })
  await service.add(TEST_ACTOR)
  expect(recordedMarks).toHaveLength(1)
})

test('20 concurrent adds get 20 different numbers', async () => {
  await using host = createTestDropletHost()
  const service = host.startService()
  await Promise.all(Array.from({ length: 20 }, () => service.add(TEST_ACTOR)))
  const numbers = Array.from({ length: 20 }, (_, index) => twoDigits(index + 1))
  expect(host.names()).toEqual(numbers.map(number => `cikit${number}`).reverse())
  expect(host.memoryEngine.calls).toEqual(
    numbers.flatMap(number => ['prepare', 'list', `create cikit${number}`, `start cikit${number}`]),
  )
  expect(host.keyFolders()).toEqual(numbers.map(number => `cikit${number}`))
})

describe('the number of a new droplet', () => {
  test('is the next after the highest, despite free ones below', async () => {
    await using host = createTestDropletHost()
    for (const name of ['cikit02', 'cikit41', 'cikit17']) host.addDroplet(name)
    await host.startService().add(TEST_ACTOR)
    expect(host.names()[0]).toBe('cikit42')
  })

  test('is the lowest free one if 99 is in use', async () => {
    await using host = createTestDropletHost()
    for (const name of ['cikit01', 'cikit02', 'cikit04', 'cikit99']) host.addDroplet(name)
    await host.startService().add(TEST_ACTOR)
    expect(host.names()[0]).toBe('cikit03')
  })

  test('skips a name taken meanwhile, and leaves its keys alone', async () => {
    await using host = createTestDropletHost()
    // Created by another program between our list and our create.
    const service = host.startService({
      create: droplet => {
        if (droplet.name === 'cikit01') {
          host.addDroplet('cikit01')
          host.keys.save('cikit01', host.keys.generate('cikit01'))
        }
        return host.memoryEngine.engine.create(droplet)
      },
    })
    await service.add(TEST_ACTOR)
    expect(host.names()).toEqual(['cikit02', 'cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01', 'cikit02'])
    expect(host.memoryEngine.calls).not.toContain('start cikit01')
    expect(host.provisioningJournal.list()).toEqual([])
  })

  test.each([2201, 8001, 44301])('skips a number whose port %i is in use, and leaves nothing behind', async port => {
    await using host = createTestDropletHost()
    host.memoryEngine.takenPorts.add(port)
    await host.startService().add(TEST_ACTOR)
    expect(host.names()).toEqual(['cikit02'])
    expect(host.keyFolders()).toEqual(['cikit02'])
    expect(host.provisioningJournal.list()).toEqual([])
  })

  test('is 919 if all 99 are in use, and nothing is created', async () => {
    await using host = createTestDropletHost()
    for (let number = 1; number <= 99; number++) host.addDroplet(`cikit${twoDigits(number)}`)
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 919, status: 409 })
    expect(host.names()).toHaveLength(99)
    expect(host.memoryEngine.calls.filter(call => call.startsWith('create'))).toEqual([])
  })

  test('is 919 if the ports of all free ones are in use, and nothing is left behind', async () => {
    await using host = createTestDropletHost()
    for (let number = 1; number <= 97; number++) host.addDroplet(`cikit${twoDigits(number)}`)
    host.memoryEngine.takenPorts.add(2298).add(8099)
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 919 })
    expect(host.names()).toHaveLength(97)
    expect(host.keyFolders()).toEqual([])
    expect(host.provisioningJournal.list()).toEqual([])
  })
})

describe('creates nothing', () => {
  test.each(['prepare', 'list'] as const)('when the engine fails to %s', async method => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    host.memoryEngine.failNext(method, new ApiError('engineUnavailable'))
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 918 })
    expect(host.names()).toEqual(['cikit01'])
    expect(host.memoryEngine.calls.filter(call => call.startsWith('create'))).toEqual([])
    expect(host.provisioningJournal.list()).toEqual([])
  })

  test('when the image is not available', async () => {
    await using host = createTestDropletHost()
    host.memoryEngine.failNext('prepare', new ApiError('imageUnavailable'))
    await expect(host.startService().add(TEST_ACTOR)).rejects.toMatchObject({ errorId: 924 })
    expect(host.names()).toEqual([])
    expect(host.keyFolders()).toEqual([])
  })
})

test('a failed add does not block the next one', async () => {
  await using host = createTestDropletHost()
  host.memoryEngine.failNext('prepare', new ApiError('engineUnavailable'))
  const service = host.startService()
  const [first, second] = await Promise.allSettled([service.add(TEST_ACTOR), service.add(TEST_ACTOR)])
  expect(first.status).toBe('rejected')
  expect(second.status).toBe('fulfilled')
  expect(host.names()).toEqual(['cikit01'])
})
