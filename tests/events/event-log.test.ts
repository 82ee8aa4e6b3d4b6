import { describe, expect, test } from 'bun:test'
import { encodeSseEvent } from '../../src/api/streams/sse-frame.ts'
import { createEventLog, type LoggedEvent } from '../../src/events/event-log.ts'
import { eventIdOf } from '../testkit/events/event-streams.ts'

const random = () => Uint8Array.fromHex('b007b007b007')
const textOf = ({ bytes }: Pick<LoggedEvent, 'bytes'>) => new TextDecoder().decode(bytes)

/** An event log with this number of events. */
function createFilledLog(count = 0) {
  const log = createEventLog(random)
  for (let number = 1; number <= count; number++) log.publish('droplet', { number })
  return log
}

/** The numbers of the events after this id. */
function numbersSince(log: ReturnType<typeof createFilledLog>, id: string) {
  return log.since(id)?.map(event => JSON.parse(textOf(event).split('data: ')[1] ?? '').number)
}

test('an event is three lines of text: id, topic and JSON', () => {
  const log = createFilledLog()
  const received: LoggedEvent[] = []
  log.listen(event => void received.push(event))
  log.publish('droplet', { change: 'added' })
  expect(received.map(({ topic }) => topic)).toEqual(['droplet'])
  expect(received.map(textOf)).toEqual([`id: ${eventIdOf(1)}\nevent: droplet\ndata: {"change":"added"}\n\n`])
})

test.each(['\n', '\r', '\r\n\r\nevent: forged', '\n\ndata: x', '\u2028', '\0', '\ud800'])(
  'a text cannot forge a line: %j',
  text => {
    const lines = new TextDecoder().decode(encodeSseEvent('user', { text })).split(/\r\n|\r|\n/)
    expect(lines).toHaveLength(4)
    expect(lines.slice(2)).toEqual(['', ''])
    expect(JSON.parse(lines[1]?.replace('data: ', '') ?? '')).toEqual({ text })
  },
)

test('live and replayed events have the same bytes', () => {
  const log = createFilledLog()
  const received: LoggedEvent[][] = [[], []]
  for (const events of received) log.listen(event => void events.push(event))
  log.publish('engine', { state: 'away' })
  expect(received[0]?.[0]?.bytes).toBe(received[1]?.[0]?.bytes as Uint8Array<ArrayBuffer>)
  expect(log.since(eventIdOf(0))?.[0]?.bytes).toBe(received[0]?.[0]?.bytes as Uint8Array<ArrayBuffer>)
})

test('the ids of another process differ', () => {
  const random = () => crypto.getRandomValues(new Uint8Array(6))
  const [first, second] = [createEventLog(random), createEventLog(random)]
  expect(first.lastId()).not.toBe(second.lastId())
  expect(second.since(first.lastId())).toBeUndefined()
  expect(second.since(second.lastId())).toEqual([])
})

describe('missed events', () => {
  test('are those after the id, in order', () => {
    const log = createFilledLog(5)
    expect(log.lastId()).toBe(eventIdOf(5))
    expect(numbersSince(log, eventIdOf(2))).toEqual([3, 4, 5])
    expect(numbersSince(log, eventIdOf(0))).toEqual([1, 2, 3, 4, 5])
    expect(numbersSince(log, eventIdOf(5))).toEqual([])
  })

  test.each([1_000, 1_001, 2_500])('are known for the last 1,000 of %i', count => {
    const log = createFilledLog(count)
    const oldest = numbersSince(log, eventIdOf(count - 1_000))
    expect(oldest).toEqual(Array.from({ length: 1_000 }, (_, index) => count - 999 + index))
    expect(log.since(eventIdOf(count - 1_001))).toBeUndefined()
  })

  test.each([
    eventIdOf(6),
    eventIdOf(-1),
    '',
    'b007b007b007',
    'b007b007b007-',
    'b007b007b007-03',
    'b007b007b007-3.0',
    'b007b007b007-3e0',
    'b007b007b007-0x3',
    ' b007b007b007-3',
    'b007b007b007-3, b007b007b007-4',
    `b007b007b007-${'9'.repeat(400)}`,
    'B007B007B007-3',
    'b007b007b008-3',
    '3',
    '*',
  ])('are unknown for %j', id => {
    expect(createFilledLog(5).since(id)).toBeUndefined()
  })
})
