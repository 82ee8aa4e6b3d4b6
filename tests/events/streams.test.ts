import { describe, expect, test } from 'bun:test'
import type { Topic } from '../../src/events/event-log.ts'
import { createTestStreams, eventIdOf } from '../testkit/events/event-streams.ts'

const RETRY = 'retry: 1000\n\n'
const END = 'event: end\ndata: {"error":"Access token unknown or missing: log in","errorId":908}\n\n'
const named = (event: string, number: number) => `id: ${eventIdOf(number)}\nevent: ${event}\ndata: {}\n\n`
const begin = (number: number) => named('begin', number)
const reset = (number: number) => named('reset', number)

const me = (username: string, group: string) => `event: me\ndata: {"username":"${username}","group":"${group}"}\n\n`

const topics: Topic[] = ['droplet', 'operation', 'user', 'engine']

/** Streams with the users viewer, manager and owner. */
function createStreamHarness() {
  const harness = createTestStreams()
  for (const group of ['viewer', 'manager', 'owner'] as const) harness.setUser(group, group)
  return {
    ...harness,
    publish(...names: Topic[]): void {
      for (const topic of names) harness.eventLog.publish(topic, {})
    },
  }
}

describe('a stream starts', () => {
  test('with the current id, so that a reconnecting client misses nothing', async () => {
    const { open, publish } = createStreamHarness()
    publish('droplet', 'droplet')
    const first = open('viewer')
    expect(await first.readAvailable()).toEqual([RETRY, begin(2)])
    await first.cancel()
    publish('droplet')
    expect(await open('viewer', eventIdOf(2)).readAvailable()).toEqual([RETRY, named('droplet', 3)])
  })

  test('with the missed events, and continues live', async () => {
    const { open, publish } = createStreamHarness()
    publish('droplet', 'droplet', 'droplet')
    const stream = open('viewer', eventIdOf(1))
    publish('droplet')
    expect(await stream.readAvailable()).toEqual([RETRY, ...[2, 3, 4].map(number => named('droplet', number))])
    publish('droplet')
    expect(await stream.readAvailable()).toEqual([named('droplet', 5)])
  })

  test.each(['of another process', eventIdOf(1_234), '0'.repeat(12).concat('-1')])(
    'with a reset for an unknown id: %s',
    async id => {
      const { open, publish } = createStreamHarness()
      publish('droplet')
      expect(await open('viewer', id).readAvailable()).toEqual([RETRY, reset(1)])
    },
  )

  test('with a reset if more was missed than is buffered', async () => {
    const { open, publish } = createStreamHarness()
    for (let number = 0; number < 1_001; number++) publish('droplet')
    expect(await open('viewer', eventIdOf(0)).readAvailable()).toEqual([RETRY, reset(1_001)])
    expect(await open('viewer', eventIdOf(1)).readAvailable()).toHaveLength(1_001)
  })
})

describe('filters by group', () => {
  const visibleByGroup = {
    viewer: ['droplet', 'engine'],
    manager: ['droplet', 'operation', 'engine'],
    owner: ['droplet', 'operation', 'user', 'engine'],
  }

  test.each(['viewer', 'manager', 'owner'] as const)('for a %s, live and on reconnect', async group => {
    const { open, publish } = createStreamHarness()
    const stream = open(group)
    publish(...topics)
    const all = topics.map((topic, index) => ({ topic, text: named(topic, index + 1) }))
    const visible = all.filter(({ topic }) => visibleByGroup[group].includes(topic)).map(({ text }) => text)
    expect(await stream.readAvailable()).toEqual([RETRY, begin(0), ...visible])
    expect(await open(group, eventIdOf(0)).readAvailable()).toEqual([RETRY, ...visible])
  })

  test('applies a group change from the next event on, and reports it', async () => {
    const { open, publish, setUser } = createStreamHarness()
    const stream = open('viewer')
    publish('user')
    setUser('viewer', 'owner')
    publish('user')
    setUser('viewer', 'manager')
    publish('user', 'operation')
    expect(await stream.readAvailable()).toEqual([
      ...[RETRY, begin(0), me('viewer', 'owner'), named('user', 2), me('viewer', 'manager'), named('operation', 4)],
    ])
  })

  test('reports a group change once, without any other event', async () => {
    const { open, setUser, streams } = createStreamHarness()
    const stream = open('manager')
    setUser('manager', 'viewer')
    streams.checkSessions()
    streams.checkSessions()
    expect(await stream.readAvailable()).toEqual([RETRY, begin(0), me('manager', 'viewer')])
  })
})

describe('a stream ends with its session', () => {
  test('at the next check, with a reason', async () => {
    const { open, endSession, streams } = createStreamHarness()
    const ended = open('viewer')
    const other = open('owner')
    endSession('viewer')
    streams.checkSessions()
    expect(await ended.readToEnd()).toEqual([RETRY, begin(0), END])
    expect(await other.readAvailable()).toEqual([RETRY, begin(0)])
  })

  test('before the next event', async () => {
    const { open, endSession, publish } = createStreamHarness()
    const stream = open('viewer')
    publish('droplet')
    endSession('viewer')
    publish('droplet', 'droplet')
    expect(await stream.readToEnd()).toEqual([RETRY, begin(0), named('droplet', 1), END])
  })

  test('and no new one can be opened', () => {
    const { open, endSession } = createStreamHarness()
    endSession('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 908 }))
  })

  test('an unreadable store ends every stream', async () => {
    const harness = createStreamHarness()
    const streams = [harness.open('viewer'), harness.open('owner')]
    harness.auth.userOfSession = () => {
      throw new Error('no such table')
    }
    harness.publish('droplet')
    for (const stream of streams) expect(await stream.readAvailable().catch(() => 'broken')).toBe('broken')
  })
})

describe('a slow client', () => {
  /** A payload of slightly more than 100 KB. */
  const bigEvent = { text: 'x'.repeat(100_000) }

  test('is dropped when more than 1 MB is buffered for it; the others continue', async () => {
    const { open, eventLog, logLines } = createStreamHarness()
    const slowStream = open('viewer')
    const fastStream = open('owner')
    for (let count = 0; count < 30; count++) {
      eventLog.publish('droplet', bigEvent)
      await fastStream.readAvailable()
      expect(logLines).toHaveLength(count < 9 ? 0 : 1)
    }
    expect(JSON.parse(logLines[0] ?? '')).toMatchObject({
      level: 'info',
      message: 'event stream dropped: its client does not read',
      user: 'viewer',
    })
    expect(await slowStream.readAvailable().catch(() => 'broken')).toBe('broken')
    eventLog.publish('droplet', {})
    expect(await fastStream.readAvailable()).toHaveLength(1)
  })

  test('is not dropped because of a large replay', async () => {
    const { open, eventLog, logLines } = createStreamHarness()
    for (let count = 0; count < 30; count++) eventLog.publish('droplet', bigEvent)
    const stream = open('viewer', eventIdOf(0))
    for (let count = 0; count < 9; count++) eventLog.publish('droplet', bigEvent)
    expect(logLines).toEqual([])
    expect(await stream.readAvailable()).toHaveLength(40)
  })

  test('is dropped when more than 64 MB are buffered in total, the slowest first', async () => {
    const { open, eventLog, logLines } = createStreamHarness()
    const fastStream = open('owner')
    for (let count = 0; count < 100; count++) {
      eventLog.publish('droplet', bigEvent)
      await fastStream.readAvailable()
    }
    const slowStreams = Array.from({ length: 6 }, () => open('viewer', eventIdOf(0)))
    const last = open('viewer', eventIdOf(70))
    expect(logLines).toEqual([])
    eventLog.publish('droplet', bigEvent)
    expect(logLines).toHaveLength(0)
    open('viewer', eventIdOf(95))
    expect(logLines).toHaveLength(1)
    expect(await slowStreams[0]?.readAvailable().catch(() => 'broken')).toBe('broken')
    expect(await last.readAvailable()).toHaveLength(32)
    expect(await fastStream.readAvailable()).toHaveLength(1)
  })

  test('does not delay the end of its session', async () => {
    const { open, streams, eventLog, endSession } = createStreamHarness()
    const { closed } = open('viewer')
    eventLog.publish('droplet', bigEvent)
    endSession('viewer')
    streams.checkSessions()
    expect(await closed).toBe('cut')
  })
})

test('a heartbeat is a comment', async () => {
  const { open, streams } = createStreamHarness()
  const stream = open('viewer')
  await stream.readAvailable()
  streams.heartbeat()
  expect(await stream.readAvailable()).toEqual([':\n\n'])
})

describe('a user can have 2,000 streams', () => {
  test('but no more, whatever other users have', async () => {
    const { open } = createStreamHarness()
    const first = open('viewer')
    for (let count = 1; count < 2_000; count++) open('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 928, status: 429 }))
    open('owner')
    await first.cancel()
    open('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 928 }))
  })

  test('not counting ended ones', async () => {
    const { open, setUser, endSession, streams } = createStreamHarness()
    for (let count = 0; count < 2_000; count++) open('viewer')
    endSession('viewer')
    streams.checkSessions()
    setUser('viewer', 'viewer')
    for (let count = 0; count < 2_000; count++) open('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 928 }))
  })

  test('counted across all sessions', async () => {
    const { open, setUser, endSession, streams } = createStreamHarness()
    setUser('viewer', 'viewer', 'another session')
    for (let count = 1; count < 2_000; count++) open('viewer')
    const { readToEnd, closed } = open('another session')
    expect(() => open('another session')).toThrow(expect.objectContaining({ errorId: 928 }))
    endSession('another session')
    streams.checkSessions()
    await readToEnd()
    expect(await closed).toBe('ended')
    open('viewer')
    expect(() => open('viewer')).toThrow(expect.objectContaining({ errorId: 928 }))
  })
})

test('closing ends every stream, and streams opened later end at once', async () => {
  const { open, streams, publish } = createStreamHarness()
  const stream = open('viewer')
  streams.close()
  publish('droplet')
  expect(await stream.readToEnd()).toEqual([RETRY, begin(0)])
  expect(await open('viewer').readToEnd()).toEqual([RETRY, begin(1)])
})
