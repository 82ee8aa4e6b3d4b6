import { afterEach, expect, test } from 'bun:test'
import { createApiClient } from '../../../../cli/client/api/api-client.ts'
import { followServerEvents, type ServerEventOptions } from '../../../../cli/client/api/event-stream.ts'
import type { ServerEvent } from '../../../../src/api/client/sse-parser.ts'
import { ClientError } from '../../../../src/core/errors.ts'
import { createFakeTiming } from '../../../testkit/fake-timing.ts'

// Against a server of the test's own, which does whatever is asked of it for each connection.

type Connection = (write: (text: string) => void, end: () => void) => void

const disposals: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const dispose of disposals.splice(0)) await dispose()
})

/** @param connections what is done for one connection after another; when none is left, the server refuses */
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

/** Follows until the server refuses. */
async function follow(url: string, overrides: Partial<ServerEventOptions> = {}) {
  const told: string[] = []
  const seen: ServerEvent[] = []
  const timing = createFakeTiming()
  const api = createApiClient({ url }, 'token')
  const stream = followServerEvents({
    open: (signal, lastEventId) => api.openEvents(signal, lastEventId),
    onActivity: async () => undefined,
    onStatus: state => told.push(state),
    timing,
    ...overrides,
  })
  const error = await (async () => {
    for await (const event of stream) seen.push(event)
  })().catch(error => error)
  return { error, told, seen: seen.map(({ id, data }) => [id, data]), slept: timing.sleeps }
}

const events =
  (...ids: number[]): Connection =>
  (write, end) => {
    for (const id of ids) write(`id: ${id}\ndata: ${id}\n\n`)
    end()
  }

test('a connection that ends is made again, where the last one ended, and that is told once', async () => {
  const server = createServer(events(1, 2), events(), events(3))
  const { error, told, seen } = await follow(server.url)
  expect(seen).toEqual([1, 2, 3].map(id => [`${id}`, `${id}`]))
  expect(server.lastIds).toEqual([null, '2', '2', '3'])
  expect(told).toEqual(['lost', 'back', 'lost', 'back', 'lost'])
  expect(error).toMatchObject({ kind: 'refused', message: 'Enough' })
})

test('the pauses become longer, 30 seconds at most, and begin where the server wants them to', async () => {
  const connection: Connection = (write, end) => {
    write('retry: 2000\n\n')
    end()
  }
  const server = createServer(...Array.from({ length: 8 }, () => connection))
  const { slept } = await follow(server.url)
  for (const [at, most] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000].entries()) {
    expect(slept[at]).toBeWithin(most * 0.75, most + 1)
  }
})

test('they are short again after a connection that lasted', async () => {
  const server = createServer(events(), events(), events(), events(1))
  const timing = createFakeTiming()
  const onActivity = async () => timing.advance(31_000)
  const { slept } = await follow(server.url, { timing, onActivity })
  expect(slept).toEqual([])
  expect(timing.sleeps[2]).toBeWithin(3_000, 4_001)
  expect(timing.sleeps[3]).toBeWithin(750, 1_001)
})

test('a server that is away is looked for without an end, and that is told once', async () => {
  const server = createServer(events(1), events(2))
  const api = createApiClient({ url: server.url })
  const refused = new ClientError('unreachable', 'away')
  let asked = 0
  const { told, seen } = await follow(server.url, {
    open: async (signal, lastEventId) => {
      if (asked++ > 0 && asked < 100) throw refused
      return await api.openEvents(signal, lastEventId)
    },
  })
  expect(seen).toEqual([
    ['1', '1'],
    ['2', '2'],
  ])
  expect(told).toEqual(['lost', 'back', 'lost'])
})

test('one that is not there at the beginning is an error', async () => {
  const server = createServer()
  await server.stop()
  expect(await follow(server.url)).toMatchObject({ error: { kind: 'unreachable' }, told: [] })
})

test('silence is a connection that is lost; a sign of life is none', async () => {
  let heartbeat: Timer | undefined
  const lively: Connection = (write, end) => {
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
  const server = createServer(lively, silent)
  const { seen, error } = await follow(server.url, { silenceTimeoutMs: 400 })
  expect(seen.map(([id]) => id)).toEqual(['1', '2'])
  expect(server.lastIds).toEqual([null, '1', '2'])
  expect(error).toMatchObject({ kind: 'refused' })
})

test('a server that takes a connection and does not answer is lost, too', async () => {
  using silentServer = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  const { error } = await follow(`http://127.0.0.1:${silentServer.port}`, { silenceTimeoutMs: 100 })
  expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('no answer in time') })
})

test('every sign of life is told, before what it says, and a session that is over then ends it', async () => {
  const sessionEnded = new ClientError('notLoggedIn', 'over')
  let alive = 0
  const server = createServer(write => {
    write('data: 1\n\n')
    setTimeout(() => write(':\n\n'), 50)
  })
  const { error, seen } = await follow(server.url, {
    onActivity: async () => {
      if (++alive === 2) throw sessionEnded
    },
  })
  expect({ error, seen }).toEqual({ error: sessionEnded, seen: [['', '1']] })
})

test('what is no stream of events is refused', async () => {
  await using server = Bun.serve({ port: 0, fetch: () => new Response('<h1>hello</h1>') })
  const { error } = await follow(server.url.origin)
  expect(error).toMatchObject({ kind: 'refused', message: expect.stringMatching(/but not as cikit-api/) })
})

test('who stops to listen hangs up', async () => {
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
