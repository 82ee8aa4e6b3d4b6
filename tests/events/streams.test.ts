import { describe, expect, test } from 'bun:test'
import type { Topic } from '../../src/events/hub.ts'
import { createTestStreams, idOf } from '../_support/followers.ts'

const RETRY = 'retry: 1000\n\n'
const END = 'event: end\ndata: {"error":"Access token unknown or missing: log in","errorId":908}\n\n'
const named = (event: string, number: number) => `id: ${idOf(number)}\nevent: ${event}\ndata: {}\n\n`
const begin = (number: number) => named('begin', number)
const reset = (number: number) => named('reset', number)

const me = (username: string, group: string) => `event: me\ndata: {"username":"${username}","group":"${group}"}\n\n`

const topics: Topic[] = ['droplet', 'operation', 'user', 'engine']

/** Streams with a viewer, a manager and the owner, by these names. */
function createHouse() {
  const house = createTestStreams()
  for (const group of ['viewer', 'manager', 'owner'] as const) house.put(group, group)
  return {
    ...house,
    publish(...names: Topic[]): void {
      for (const topic of names) house.hub.publish(topic, {})
    },
  }
}

describe('a stream begins', () => {
  test('with the id of now, so that whoever loses it misses nothing', async () => {
    const { open, publish } = createHouse()
    publish('droplet', 'droplet')
    const first = open('viewer')
    expect(await first.take()).toEqual([RETRY, begin(2)])
    await first.leave()
    publish('droplet')
    expect(await open('viewer', idOf(2)).take()).toEqual([RETRY, named('droplet', 3)])
  })

  test('with what was missed, and goes on with what comes', async () => {
    const { open, publish } = createHouse()
    publish('droplet', 'droplet', 'droplet')
    const stream = open('viewer', idOf(1))
    publish('droplet')
    expect(await stream.take()).toEqual([RETRY, ...[2, 3, 4].map(number => named('droplet', number))])
    publish('droplet')
    expect(await stream.take()).toEqual([named('droplet', 5)])
  })

  test.each(['of another process', idOf(1_234), '0'.repeat(12).concat('-1')])(
    'with a reset for an id that is unknown: %s',
    async id => {
      const { open, publish } = createHouse()
      publish('droplet')
      expect(await open('viewer', id).take()).toEqual([RETRY, reset(1)])
    },
  )

  test('with a reset when more was missed than is kept', async () => {
    const { open, publish } = createHouse()
    for (let number = 0; number < 1_001; number++) publish('droplet')
    expect(await open('viewer', idOf(0)).take()).toEqual([RETRY, reset(1_001)])
    expect(await open('viewer', idOf(1)).take()).toHaveLength(1_001)
  })
})

describe('who sees what', () => {
  const seen = {
    viewer: ['droplet', 'engine'],
    manager: ['droplet', 'operation', 'engine'],
    owner: ['droplet', 'operation', 'user', 'engine'],
  }

  test.each(['viewer', 'manager', 'owner'] as const)('as %s, live and when it comes back', async group => {
    const { open, publish } = createHouse()
    const stream = open(group)
    publish(...topics)
    const all = topics.map((topic, index) => ({ topic, text: named(topic, index + 1) }))
    const visible = all.filter(({ topic }) => seen[group].includes(topic)).map(({ text }) => text)
    expect(await stream.take()).toEqual([RETRY, begin(0), ...visible])
    expect(await open(group, idOf(0)).take()).toEqual([RETRY, ...visible])
  })

  test('a change of the group counts from the next event on, and its client is told', async () => {
    const { open, publish, put } = createHouse()
    const stream = open('viewer')
    publish('user')
    put('viewer', 'owner')
    publish('user')
    put('viewer', 'manager')
    publish('user', 'operation')
    expect(await stream.take()).toEqual([
      ...[RETRY, begin(0), me('viewer', 'owner'), named('user', 2), me('viewer', 'manager'), named('operation', 4)],
    ])
  })

  test('a change of the group is told without anything else, once', async () => {
    const { open, put, streams } = createHouse()
    const stream = open('manager')
    put('manager', 'viewer')
    streams.look()
    streams.look()
    expect(await stream.take()).toEqual([RETRY, begin(0), me('manager', 'viewer')])
  })
})

describe('a stream ends with its session', () => {
  test('within a look, in words', async () => {
    const { open, endSession, streams } = createHouse()
    const ended = open('viewer')
    const other = open('owner')
    endSession('viewer')
    streams.look()
    expect(await ended.rest()).toEqual([RETRY, begin(0), END])
    expect(await other.take()).toEqual([RETRY, begin(0)])
  })

  test('before anything more is told, when something happens first', async () => {
    const { open, endSession, publish } = createHouse()
    const stream = open('viewer')
    publish('droplet')
    endSession('viewer')
    publish('droplet', 'droplet')
    expect(await stream.rest()).toEqual([RETRY, begin(0), named('droplet', 1), END])
  })

  test('and another one is not begun for it', () => {
    const { open, endSession } = createHouse()
    endSession('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 908 }))
  })

  test('a store that cannot be asked shows nothing to anybody', async () => {
    const house = createHouse()
    const streams = [house.open('viewer'), house.open('owner')]
    house.auth.holderOf = () => {
      throw new Error('no such table')
    }
    house.publish('droplet')
    for (const stream of streams) expect(await stream.take().catch(() => 'broken')).toBe('broken')
  })
})

describe('a client that does not read', () => {
  /** Something of a little more than 100 KB. */
  const big = { text: 'x'.repeat(100_000) }

  test('is dropped when more than a megabyte waits for it, and the others go on', async () => {
    const { open, hub, logged } = createHouse()
    const slow = open('viewer')
    const reading = open('owner')
    for (let count = 0; count < 30; count++) {
      hub.publish('droplet', big)
      await reading.take()
      expect(logged).toHaveLength(count < 9 ? 0 : 1)
    }
    expect(JSON.parse(logged[0] ?? '')).toMatchObject({
      level: 'info',
      message: 'event stream dropped: its client does not read',
      user: 'viewer',
    })
    expect(await slow.take().catch(() => 'broken')).toBe('broken')
    hub.publish('droplet', {})
    expect(await reading.take()).toHaveLength(1)
  })

  test('is not dropped for what it begins with, however much that is', async () => {
    const { open, hub, logged } = createHouse()
    for (let count = 0; count < 30; count++) hub.publish('droplet', big)
    const stream = open('viewer', idOf(0))
    for (let count = 0; count < 9; count++) hub.publish('droplet', big)
    expect(logged).toEqual([])
    expect(await stream.take()).toHaveLength(40)
  })

  test('is dropped, those who are furthest behind first, when more than 64 MB wait for all together', async () => {
    const { open, hub, logged } = createHouse()
    const reading = open('owner')
    for (let count = 0; count < 100; count++) {
      hub.publish('droplet', big)
      await reading.take()
    }
    const slow = Array.from({ length: 6 }, () => open('viewer', idOf(0)))
    const last = open('viewer', idOf(70))
    expect(logged).toEqual([])
    hub.publish('droplet', big)
    expect(logged).toHaveLength(0)
    open('viewer', idOf(95))
    expect(logged).toHaveLength(1)
    expect(await slow[0]?.take().catch(() => 'broken')).toBe('broken')
    expect(await last.take()).toHaveLength(32)
    expect(await reading.take()).toHaveLength(1)
  })

  test('is not waited for at the end of its session', async () => {
    const { open, streams, hub, endSession } = createHouse()
    const { over } = open('viewer')
    hub.publish('droplet', big)
    endSession('viewer')
    streams.look()
    expect(await over).toBe('cut')
  })
})

test('a heartbeat is a comment', async () => {
  const { open, streams } = createHouse()
  const stream = open('viewer')
  await stream.take()
  streams.beat()
  expect(await stream.take()).toEqual([':\n\n'])
})

describe('a user may have 2,000 streams', () => {
  test('and no more, whatever others have', async () => {
    const { open } = createHouse()
    const first = open('viewer')
    for (let count = 1; count < 2_000; count++) open('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 928, status: 429 }))
    open('owner')
    await first.leave()
    open('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 928 }))
  })

  test('those that have ended are not counted', async () => {
    const { open, put, endSession, streams } = createHouse()
    for (let count = 0; count < 2_000; count++) open('viewer')
    endSession('viewer')
    streams.look()
    put('viewer', 'viewer')
    for (let count = 0; count < 2_000; count++) open('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 928 }))
  })

  test('each is counted once, when it begins and when it is over, whichever session it is of', async () => {
    const { open, put, endSession, streams } = createHouse()
    put('viewer', 'viewer', 'another session')
    for (let count = 1; count < 2_000; count++) open('viewer')
    const { rest, over } = open('another session')
    expect(() => open('another session')).toThrow(expect.objectContaining({ errorId: 928 }))
    endSession('another session')
    streams.look()
    await rest()
    expect(await over).toBe('ended')
    open('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 928 }))
  })
})

test('after the close every stream ends, and one that is opened then ends at its beginning', async () => {
  const { open, streams, publish } = createHouse()
  const stream = open('viewer')
  streams.close()
  publish('droplet')
  expect(await stream.rest()).toEqual([RETRY, begin(0)])
  expect(await open('viewer').rest()).toEqual([RETRY, begin(1)])
})
