import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Group } from '../../src/core/groups.ts'
import type { Topic } from '../../src/events/event-log.ts'
import { createTestStreams } from '../testkit/events/event-streams.ts'
import { checkProperty } from '../testkit/properties/check-property.ts'

const BUFFER_SIZE = 1_000
const clients = ['viewer', 'manager', 'owner'] as const satisfies Group[]
const visible: Record<Group, Topic[]> = {
  viewer: ['droplet', 'engine'],
  manager: ['droplet', 'engine', 'operation'],
  owner: ['droplet', 'engine', 'operation', 'user'],
}

type Step =
  | { action: 'publish'; topics: Topic[] }
  | { action: 'publishMany'; topic: Topic; count: number }
  /** Reads at most this many of the available events. */
  | { action: 'read'; client: number; maxEvents: number }
  /** Disconnects and drops unread events, then reconnects at once with the id of the last event it read. */
  | { action: 'reconnect'; client: number }
  /** Disconnects, and reconnects after the next publication. */
  | { action: 'disconnect'; client: number }

const topic = fc.constantFrom<Topic[]>('droplet', 'engine', 'operation', 'user')
const client = fc.nat(clients.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      action: fc.constant<'publish'>('publish'),
      topics: fc.array(topic, { minLength: 1, maxLength: 5 }),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      action: fc.constant<'publishMany'>('publishMany'),
      topic,
      count: fc.constantFrom(10, BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + 1, 2 * BUFFER_SIZE + 7),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({ action: fc.constant<'read'>('read'), client, maxEvents: fc.integer({ min: 1, max: 6 }) }),
    weight: 5,
  },
  { arbitrary: fc.record({ action: fc.constant<'reconnect'>('reconnect'), client }), weight: 4 },
  { arbitrary: fc.record({ action: fc.constant<'disconnect'>('disconnect'), client }), weight: 2 },
)

test('a subscriber gets each visible event once and in order, or a reset after a gap', async () => {
  await checkProperty(
    'events: exactly once',
    fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
    async steps => {
      const fixture = createEventsFixture()
      for (const step of steps) await fixture.perform(step)
      await fixture.readAll()
    },
  )
})

function createEventsFixture() {
  const { eventLog, setUser, open } = createTestStreams()
  /** All published topics; the first event has the number 1. */
  const published: Topic[] = []
  const subscribers = clients.map(group => createSubscriber(group))

  function publish(topic: Topic): void {
    published.push(topic)
    eventLog.publish(topic, {})
  }

  function createSubscriber(group: Group) {
    setUser(group, group)
    let stream: ReturnType<typeof open> | undefined = open(group)
    /** The number of the last event that was read. Earlier events were read or reported as lost. */
    let lastRead = 0
    let lastReadId: string | undefined

    function read(chunk: string): void {
      const [, id, number, event] = /^id: (\w+-(\d+))\nevent: (\w+)\n/.exec(chunk) ?? []
      if (id === undefined) return
      const eventNumber = Number(number)
      if (event === 'begin') expect(lastReadId).toBeUndefined()
      else if (event === 'reset') expect(eventNumber - lastRead).toBeGreaterThan(BUFFER_SIZE)
      else {
        expect(event).toBe(published[eventNumber - 1])
        const expected = published.findIndex((topic, index) => index >= lastRead && visible[group].includes(topic)) + 1
        expect([group, eventNumber]).toEqual([group, expected])
      }
      lastRead = eventNumber
      lastReadId = id
    }

    return {
      async read(maxEvents?: number): Promise<void> {
        for (const chunk of (await stream?.readAvailable(maxEvents)) ?? []) read(chunk)
      },
      disconnect(): void {
        stream?.cancel()
        stream = undefined
      },
      reconnect(): void {
        stream ??= open(group, lastReadId)
      },
      get isDisconnected() {
        return stream === undefined
      },
      /** Expects that no visible event is unread. */
      expectAllRead(): void {
        const unread = published.slice(lastRead).filter(topic => visible[group].includes(topic))
        expect([group, unread]).toEqual([group, []])
      },
    }
  }

  return {
    async perform(step: Step): Promise<void> {
      if (step.action === 'publish') step.topics.forEach(publish)
      else if (step.action === 'publishMany') Array(step.count).fill(step.topic).forEach(publish)
      else {
        const subscriber = subscribers[step.client]
        if (step.action === 'read') return await subscriber?.read(step.maxEvents)
        subscriber?.disconnect()
        if (step.action === 'reconnect') subscriber?.reconnect()
        return
      }
      for (const subscriber of subscribers) if (subscriber.isDisconnected) subscriber.reconnect()
    },
    async readAll(): Promise<void> {
      for (const subscriber of subscribers) {
        subscriber.reconnect()
        await subscriber.read()
        subscriber.expectAllRead()
      }
    },
  }
}
