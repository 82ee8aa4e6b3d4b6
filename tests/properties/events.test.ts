import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Topic } from '../../src/events/hub.ts'
import type { Group } from '../../src/store/users.ts'
import { createTestStreams } from '../_support/followers.ts'
import { holds } from '../_support/properties.ts'

const KEPT = 1_000
const clients = ['viewer', 'manager', 'owner'] as const satisfies Group[]
const visible: Record<Group, Topic[]> = {
  viewer: ['droplet', 'engine'],
  manager: ['droplet', 'engine', 'operation'],
  owner: ['droplet', 'engine', 'operation', 'user'],
}

type Step =
  | { does: 'publish'; topics: Topic[] }
  | { does: 'publishMany'; topic: Topic; count: number }
  /** Takes so much of what is there. */
  | { does: 'read'; client: number; most: number }
  /** Loses what it has not read, and comes back at once with the id of what it read last. */
  | { does: 'comeBack'; client: number }
  /** The same, but it comes back only when something was published meanwhile. */
  | { does: 'goAway'; client: number }

const topic = fc.constantFrom<Topic[]>('droplet', 'engine', 'operation', 'user')
const client = fc.nat(clients.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      does: fc.constant<'publish'>('publish'),
      topics: fc.array(topic, { minLength: 1, maxLength: 5 }),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      does: fc.constant<'publishMany'>('publishMany'),
      topic,
      count: fc.constantFrom(10, KEPT - 1, KEPT, KEPT + 1, 2 * KEPT + 7),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({ does: fc.constant<'read'>('read'), client, most: fc.integer({ min: 1, max: 6 }) }),
    weight: 5,
  },
  { arbitrary: fc.record({ does: fc.constant<'comeBack'>('comeBack'), client }), weight: 4 },
  { arbitrary: fc.record({ does: fc.constant<'goAway'>('goAway'), client }), weight: 2 },
)

test('whoever follows gets each event once, in order and without a gap, or is told that there is one', async () => {
  await holds('events: exactly once', fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), async steps => {
    const house = createHouse()
    for (const step of steps) await house.take(step)
    await house.readAll()
  })
})

function createHouse() {
  const { hub, put, open } = createTestStreams()
  /** What was published, the number of the first is 1. */
  const published: Topic[] = []
  const followers = clients.map(group => createFollower(group))

  function publish(topic: Topic): void {
    published.push(topic)
    hub.publish(topic, {})
  }

  function createFollower(group: Group) {
    put(group, group)
    let stream: ReturnType<typeof open> | undefined = open(group)
    /** The number of the last event that it read: all before that is known to it, or was said to be lost. */
    let known = 0
    let idRead: string | undefined

    function read(chunk: string): void {
      const [, id, number, event] = /^id: (\w+-(\d+))\nevent: (\w+)\n/.exec(chunk) ?? []
      if (id === undefined) return
      const at = Number(number)
      if (event === 'begin') expect(idRead).toBeUndefined()
      else if (event === 'reset') expect(at - known).toBeGreaterThan(KEPT)
      else {
        expect(event).toBe(published[at - 1])
        const expected = published.findIndex((topic, index) => index >= known && visible[group].includes(topic)) + 1
        expect([group, at]).toEqual([group, expected])
      }
      known = at
      idRead = id
    }

    return {
      async read(most?: number): Promise<void> {
        for (const chunk of (await stream?.take(most)) ?? []) read(chunk)
      },
      leave(): void {
        stream?.leave()
        stream = undefined
      },
      comeBack(): void {
        stream ??= open(group, idRead)
      },
      get isAway() {
        return stream === undefined
      },
      /** When all is read, nothing that it may see is left. */
      expectAllRead(): void {
        const left = published.slice(known).filter(topic => visible[group].includes(topic))
        expect([group, left]).toEqual([group, []])
      },
    }
  }

  return {
    async take(step: Step): Promise<void> {
      if (step.does === 'publish') step.topics.forEach(publish)
      else if (step.does === 'publishMany') Array(step.count).fill(step.topic).forEach(publish)
      else {
        const follower = followers[step.client]
        if (step.does === 'read') return await follower?.read(step.most)
        follower?.leave()
        if (step.does === 'comeBack') follower?.comeBack()
        return
      }
      for (const follower of followers) if (follower.isAway) follower.comeBack()
    },
    async readAll(): Promise<void> {
      for (const follower of followers) {
        follower.comeBack()
        await follower.read()
        follower.expectAllRead()
      }
    },
  }
}
