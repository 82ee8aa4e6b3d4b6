import { expect, test } from 'bun:test'
import { type EventStreamOptions, followEvents } from '../../../src/api/client/event-stream.ts'
import { createFakeTiming } from '../../testkit/fake-timing.ts'

// The policy of the dashboard. That of the command line is in tests/cli/client/api/event-stream.test.ts.

const delays = { minMs: 500, maxMs: 15_000, resetOnData: true }

class Denied extends Error {}

/** Follows a server whose connections are the given bodies; an error is thrown, and the last one ends the stream. */
async function follow(connections: (string | Error)[], overrides: Partial<EventStreamOptions> = {}) {
  const timing = createFakeTiming()
  const lastIds: (string | undefined)[] = []
  const states: string[] = []
  const received: string[] = []
  const remaining = [...connections]
  const stream = followEvents({
    open: async (_, lastEventId) => {
      lastIds.push(lastEventId)
      const connection = remaining.shift() ?? new Denied()
      if (connection instanceof Error) throw connection
      return new Response(connection)
    },
    onStateChange: state => states.push(state),
    shouldRetry: error => !(error instanceof Denied),
    delays,
    timing,
    ...overrides,
  })
  const error = await (async () => {
    for await (const { data } of stream) received.push(data)
  })().catch(error => error)
  return { error, lastIds, states, received, sleeps: timing.sleeps }
}

test('reconnects after the last event received, and reports each change of state once', async () => {
  const { error, lastIds, states, received } = await follow([
    'id: 1\ndata: a\n\n',
    new Error(),
    new Error(),
    'id: 2\ndata: b\n\n',
  ])
  expect(received).toEqual(['a', 'b'])
  expect(lastIds).toEqual([undefined, '1', '1', '1', '2'])
  expect(states).toEqual(['live', 'lost', 'live', 'lost'])
  expect(error).toBeInstanceOf(Denied)
})

test('retries a first connection that fails, if the caller wants that', async () => {
  const { states, received } = await follow([new Error(), 'data: a\n\n'])
  expect({ states, received }).toEqual({ states: ['lost', 'live', 'lost'], received: ['a'] })
})

test('doubles the delay while connections fail, and starts over once data arrives', async () => {
  const { sleeps } = await follow([new Error(), new Error(), new Error(), ':\n\n', new Error()])
  for (const [index, most] of [500, 1_000, 2_000, 500, 1_000].entries()) {
    expect(sleeps[index]).toBeWithin(most * 0.75, most + 1)
  }
})

test('ends without an error when the signal aborts', async () => {
  const controller = new AbortController()
  const { error, states } = await follow([new Error('away')], {
    signal: controller.signal,
    timing: { now: () => 0, sleep: async () => controller.abort() },
  })
  expect({ error, states }).toEqual({ error: undefined, states: ['lost'] })
})

test('ends a connection that is open when the signal aborts', async () => {
  const controller = new AbortController()
  const open: EventStreamOptions['open'] = async signal => {
    const body = new ReadableStream<Uint8Array>({
      start(stream) {
        stream.enqueue(new TextEncoder().encode('data: a\n\n'))
        signal.addEventListener('abort', () => stream.error(signal.reason))
        setTimeout(() => controller.abort(), 20)
      },
    })
    return new Response(body)
  }
  expect(await follow([], { open, signal: controller.signal })).toMatchObject({ error: undefined, received: ['a'] })
})
