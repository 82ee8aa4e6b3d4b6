import { afterEach, expect, test } from 'bun:test'
import { createApiClient } from '../../../../cli/client/api/api-client.ts'
import { followServerEvents, type ServerEventOptions } from '../../../../cli/client/api/event-stream.ts'
import type { ServerEvent } from '../../../../src/api/client/sse-parser.ts'
import { ClientError } from '../../../../src/core/errors.ts'
import { createFakeTiming } from '../../../testkit/fake-timing.ts'

// Against a server that handles each connection as the test says.

type Connection = (write: (text: string) => void, end: () => void) => void

const disposals: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const dispose of disposals.splice(0)) await dispose()
})

/** @param connections handles one connection each; after the last, the server rejects requests */
function createServer(...connections: Connection[]) {
  const lastIds: (string | null)[] = []
  const server = Bun.serve({
    port: 0,
    idleTimeout: 0,
    fetch(request) {
      lastIds.push(request.headers.get('last-event-id'))
      const connection = connections.shift()
      if (!connection) return Response.json({ error: 'Enough', errorId: 928 }, { status: 429 })
      const body = new ReadableStream<Uint8Array>({
        start: controller =>
          connection(
            text => controller.enqueue(new TextEncoder().encode(text)),
            () => controller.close(),
          ),
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  disposals.push(() => server.stop(true))
  return { url: server.url.origin, lastIds, stop: () => server.stop(true) }
}

/** Follows until the server rejects the request. */
async function follow(url: string, overrides: Partial<ServerEventOptions> = {}) {
  const states: string[] = []
  const received: ServerEvent[] = []
  const timing = createFakeTiming()
  const api = createApiClient({ url }, 'token')
  const stream = followServerEvents({
    open: (signal, lastEventId) => api.openEvents(signal, lastEventId),
    onActivity: async () => undefined,
    onStatus: state => states.push(state),
    timing,
    ...overrides,
  })
  const error = await (async () => {
    for await (const event of stream) received.push(event)
  })().catch(error => error)
  return { error, states, received: received.map(({ id, data }) => [id, data]), sleeps: timing.sleeps }
}

const events =
  (...ids: number[]): Connection =>
  (write, end) => {
    for (const id of ids) write(`id: ${id}\ndata: ${id}\n\n`)
    end()
  }

test('reconnects after the last event, and reports each change once', async () => {
  const server = createServer(events(1, 2), events(), events(3))
  const { error, states, received } = await follow(server.url)
  expect(received).toEqual([1, 2, 3].map(id => [`${id}`, `${id}`]))
  expect(server.lastIds).toEqual([null, '2', '2', '3'])
  expect(states).toEqual(['lost', 'back', 'lost', 'back', 'lost'])
  expect(error).toMatchObject({ kind: 'refused', message: 'Enough' })
})

test('doubles the delay up to 30 seconds, from the one that the server asks for', async () => {
  const connection: Connection = (write, end) => {
    write('retry: 2000\n\n')
    end()
  }
  const server = createServer(...Array.from({ length: 8 }, () => connection))
  const { sleeps } = await follow(server.url)
  for (const [at, most] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000].entries()) {
    expect(sleeps[at]).toBeWithin(most * 0.75, most + 1)
  }
})

test('starts over with the delay after a long connection', async () => {
  const server = createServer(events(), events(), events(), events(1))
  const timing = createFakeTiming()
  const onActivity = async () => timing.advance(31_000)
  const { sleeps } = await follow(server.url, { timing, onActivity })
  expect(sleeps).toEqual([])
  expect(timing.sleeps[2]).toBeWithin(3_000, 4_001)
  expect(timing.sleeps[3]).toBeWithin(750, 1_001)
})

test('retries an unreachable server without a limit, and reports it once', async () => {
  const server = createServer(events(1), events(2))
  const api = createApiClient({ url: server.url })
  const unreachable = new ClientError('unreachable', 'away')
  let attempts = 0
  const { states, received } = await follow(server.url, {
    open: async (signal, lastEventId) => {
      if (attempts++ > 0 && attempts < 100) throw unreachable
      return await api.openEvents(signal, lastEventId)
    },
  })
  expect(received).toEqual([
    ['1', '1'],
    ['2', '2'],
  ])
  expect(states).toEqual(['lost', 'back', 'lost'])
})

test('throws if the server is unreachable at the start', async () => {
  const server = createServer()
  await server.stop()
  expect(await follow(server.url)).toMatchObject({ error: { kind: 'unreachable' }, states: [] })
})

test('treats silence as a lost connection, but not heartbeats', async () => {
  let heartbeat: Timer | undefined
  const withHeartbeats: Connection = (write, end) => {
    let beats = 0
    heartbeat = setInterval(() => {
      write(':\n\n')
      if (++beats < 12) return
      clearInterval(heartbeat)
      write('id: 1\ndata: 1\n\n')
      end()
    }, 50)
  }
  const silent: Connection = write => write('id: 2\ndata: 2\n\n')
  const server = createServer(withHeartbeats, silent)
  const { received, error } = await follow(server.url, { silenceTimeoutMs: 400 })
  expect(received.map(([id]) => id)).toEqual(['1', '2'])
  expect(server.lastIds).toEqual([null, '1', '2'])
  expect(error).toMatchObject({ kind: 'refused' })
})

test('gives up on a server that accepts a connection but does not answer', async () => {
  using silentServer = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  const { error } = await follow(`http://127.0.0.1:${silentServer.port}`, { silenceTimeoutMs: 100 })
  expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('no answer in time') })
})

test('calls onActivity before each chunk, and ends if the session has ended', async () => {
  const sessionEnded = new ClientError('notLoggedIn', 'the session has ended')
  let activityCount = 0
  const server = createServer(write => {
    write('data: 1\n\n')
    setTimeout(() => write(':\n\n'), 50)
  })
  const { error, received } = await follow(server.url, {
    onActivity: async () => {
      if (++activityCount === 2) throw sessionEnded
    },
  })
  expect({ error, received }).toEqual({ error: sessionEnded, received: [['', '1']] })
})

test('rejects a response that is not an event stream', async () => {
  await using server = Bun.serve({ port: 0, fetch: () => new Response('<h1>hello</h1>') })
  const { error } = await follow(server.url.origin)
  expect(error).toMatchObject({ kind: 'refused', message: expect.stringMatching(/but not as cikit-api/) })
})

test('closes the connection when the consumer stops', async () => {
  const gone = Promise.withResolvers<void>()
  const server = createServer(write => write('data: x\n\n'))
  const api = createApiClient({ url: server.url })
  const open: ServerEventOptions['open'] = (signal, lastEventId) => {
    signal.addEventListener('abort', () => gone.resolve())
    return api.openEvents(signal, lastEventId)
  }
  for await (const _ of followServerEvents({ open, onActivity: async () => undefined, onStatus: () => undefined }))
    break
  await gone.promise
})
