import { describe, expect, test } from 'bun:test'
import { createEventHub, type HubEvent } from '../../src/events/hub.ts'
import { frame } from '../../src/streams/frame.ts'
import { idOf } from '../_support/followers.ts'

const random = () => Uint8Array.fromHex('b007b007b007')
const textOf = ({ bytes }: Pick<HubEvent, 'bytes'>) => new TextDecoder().decode(bytes)

/** A hub in which so much has happened. */
function createHub(count = 0) {
  const hub = createEventHub(random)
  for (let number = 1; number <= count; number++) hub.publish('droplet', { number })
  return hub
}

/** The numbers of what was published after this id. */
function numbersSince(hub: ReturnType<typeof createHub>, id: string) {
  return hub.since(id)?.map(event => JSON.parse(textOf(event).split('data: ')[1] ?? '').number)
}

test('an event is three lines of text: id, topic and JSON', () => {
  const hub = createHub()
  const heard: HubEvent[] = []
  hub.listen(event => void heard.push(event))
  hub.publish('droplet', { change: 'added' })
  expect(heard.map(({ topic }) => topic)).toEqual(['droplet'])
  expect(heard.map(textOf)).toEqual([`id: ${idOf(1)}\nevent: droplet\ndata: {"change":"added"}\n\n`])
})

test.each(['\n', '\r', '\r\n\r\nevent: forged', '\n\ndata: x', '\u2028', '\0', '\ud800'])(
  'no text forges a line: %j',
  text => {
    const lines = new TextDecoder().decode(frame('user', { text })).split(/\r\n|\r|\n/)
    expect(lines).toHaveLength(4)
    expect(lines.slice(2)).toEqual(['', ''])
    expect(JSON.parse(lines[1]?.replace('data: ', '') ?? '')).toEqual({ text })
  },
)

test('everybody gets the same bytes, and who comes back does, too', () => {
  const hub = createHub()
  const heard: HubEvent[][] = [[], []]
  for (const events of heard) hub.listen(event => void events.push(event))
  hub.publish('engine', { state: 'away' })
  expect(heard[0]?.[0]?.bytes).toBe(heard[1]?.[0]?.bytes as Uint8Array<ArrayBuffer>)
  expect(hub.since(idOf(0))?.[0]?.bytes).toBe(heard[0]?.[0]?.bytes as Uint8Array<ArrayBuffer>)
})

test('the ids of another process are others', () => {
  const random = () => crypto.getRandomValues(new Uint8Array(6))
  const [first, second] = [createEventHub(random), createEventHub(random)]
  expect(first.now()).not.toBe(second.now())
  expect(second.since(first.now())).toBeUndefined()
  expect(second.since(second.now())).toEqual([])
})

describe('what was missed', () => {
  test('is all that came after the id, in order', () => {
    const hub = createHub(5)
    expect(hub.now()).toBe(idOf(5))
    expect(numbersSince(hub, idOf(2))).toEqual([3, 4, 5])
    expect(numbersSince(hub, idOf(0))).toEqual([1, 2, 3, 4, 5])
    expect(numbersSince(hub, idOf(5))).toEqual([])
  })

  test.each([1_000, 1_001, 2_500])('is known for the last 1,000 of %i', count => {
    const hub = createHub(count)
    const oldest = numbersSince(hub, idOf(count - 1_000))
    expect(oldest).toEqual(Array.from({ length: 1_000 }, (_, index) => count - 999 + index))
    expect(hub.since(idOf(count - 1_001))).toBeUndefined()
  })

  test.each([
    idOf(6),
    idOf(-1),
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
  ])('is not known for %j', id => {
    expect(createHub(5).since(id)).toBeUndefined()
  })
})
