import { describe, expect, test } from 'bun:test'
import { IDLE_TIMEOUT_SECONDS } from '../../src/api/http/idle-timeout.ts'
import { createApp } from '../../src/app.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createRunningTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { type EventStreamReader, readEventStream, type StreamEvent } from '../testkit/events/event-stream-reader.ts'
import { waitUntil } from '../testkit/wait-until.ts'

const DAY = 86_400_000

/** One line per event: `droplet added cikit01`. */
function summarize({ event, data }: StreamEvent): string {
  const { change, droplet, user, state } = data as Record<string, unknown>
  const { name } = (droplet ?? {}) as { name?: string }
  const { username } = (user ?? {}) as { username?: string }
  return [event, change, state, name, username].filter(word => word !== undefined).join(' ')
}

const lines = ({ events }: EventStreamReader) => events.map(summarize)
const endEvent: StreamEvent = {
  id: undefined,
  event: 'end',
  data: { error: 'Access token unknown or missing: log in', errorId: 908 },
}

/** A stream after its first event. */
async function openStream(api: TestApi, token: string, lastEventId?: string) {
  const stream = await api.openEventStream(token, lastEventId)
  await stream.waitUntil(events => events.length > 0)
  return stream
}

describe('a stream', () => {
  test('sends droplets as they are listed at that moment', async () => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('manager')
    await using stream = await openStream(api, (await api.logInAs('viewer')).token)
    const [added] = (await api.call('POST', '/droplet/add', { token })).body as unknown[]
    await stream.waitUntil(() => lines(stream).length > 1)
    expect(stream.events.at(-1)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{12}-\d+$/),
      event: 'droplet',
      data: { change: 'added', droplet: added },
    })
    await api.call('PATCH', '/droplet/stop/cikit01', { token })
    await api.call('DELETE', '/droplet/delete/cikit01', { token })
    await stream.waitUntil(() => lines(stream).at(-1) === 'droplet removed cikit01')
    expect(lines(stream)).toEqual([
      'begin',
      'droplet added cikit01',
      'droplet changed cikit01',
      'droplet removed cikit01',
    ])
  })

  test('sends added and deleted users before the response, so that none is missed', async () => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('owner')
    await using stream = await openStream(api, token)
    const json = { username: 'ann', group: 'viewer' }
    await api.call('POST', '/user/add', { token, json })
    await using afterAdd = await openStream(api, token)
    await api.call('DELETE', '/user/delete/ann', { token })
    await using afterDelete = await openStream(api, token)
    await stream.waitUntil(() => lines(stream).at(-1) === 'user removed ann')
    // The last event id at the time of each response.
    const reported = [afterAdd, afterDelete].map(({ events }) => stream.events.find(({ id }) => id === events[0]?.id))
    expect(reported.map(event => event && summarize(event))).toEqual(['user added ann', 'user removed ann'])
  })

  test('sends operations to managers and not to viewers', async () => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('manager')
    await using stream = await openStream(api, token)
    await using viewerStream = await openStream(api, (await api.logInAs('viewer')).token)
    await api.call('POST', '/droplet/add', { token })
    const operationEvents = () => stream.events.filter(({ event }) => event === 'operation').map(({ data }) => data)
    await stream.waitUntil(() => Reflect.get(Object(operationEvents().at(-1)), 'state') === 'done')
    const [operation] = (await api.call('GET', '/operation/list', { token })).body as unknown[]
    expect(operationEvents().at(-1)).toEqual(operation)
    expect(operationEvents()[0]).toMatchObject({ kind: 'add', user: 'manager', state: 'queued', steps: [] })
    await viewerStream.waitUntil(() => lines(viewerStream).includes('droplet added cikit01'))
    api.context.events.publish('engine', { state: 'back' })
    await viewerStream.waitUntil(() => lines(viewerStream).includes('engine back'))
    expect(viewerStream.events.map(({ event }) => event)).not.toContain('operation')
  })

  test('reports an engine that goes away and returns', async () => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('viewer')
    await using stream = await openStream(api, token)
    api.memoryEngine.disconnect()
    await stream.waitUntil(() => lines(stream).includes('engine away'))
    api.memoryEngine.reconnect()
    await stream.waitUntil(() => lines(stream).includes('engine back'))
  })

  test('sends users only to the owner', async () => {
    await using api = await createRunningTestApi()
    const owner = await api.logInAs('owner')
    const manager = await api.logInAs('manager')
    await using stream = await openStream(api, owner.token)
    await using other = await openStream(api, manager.token)
    const json = { username: 'ann', group: 'viewer' }
    const { body } = await api.call('POST', '/user/add', { token: owner.token, json })
    await stream.waitUntil(() => lines(stream).at(-1) === 'user added ann')
    expect(stream.events.at(-1)?.data).toEqual({ change: 'added', user: (body as unknown[]).at(-1) })
    await api.call('DELETE', '/user/delete/ann', { token: owner.token })
    await stream.waitUntil(() => lines(stream).at(-1) === 'user removed ann')
    api.context.events.publish('engine', { state: 'back' })
    await other.waitUntil(() => lines(other).length > 1)
    expect(lines(other)).toEqual(['begin', 'engine back'])
  })
})

describe('a reconnecting client', () => {
  test('gets the missed events once', async () => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('manager')
    const viewer = await api.logInAs('viewer')
    const first = await openStream(api, viewer.token)
    await first.disconnect()
    await api.call('POST', '/droplet/add', { token })
    await api.call('PATCH', '/droplet/stop/cikit01', { token })
    await using second = await api.openEventStream(viewer.token, first.events[0]?.id)
    await second.waitUntil(events => events.length > 1)
    expect(lines(second)).toEqual(['droplet added cikit01', 'droplet changed cikit01'])
    expect(second.received.retry).toBe('1000')
  })

  test('with an empty id starts from the beginning', async () => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('viewer')
    const headers = { authorization: `Bearer ${token}`, 'last-event-id': '' }
    await using stream = readEventStream(
      await api.app.handle(new Request('http://localhost/api/v1/event/stream', { headers })),
    )
    await stream.waitUntil(events => events.length > 0)
    expect(lines(stream)).toEqual(['begin'])
  })

  test('gets a reset after a restart of the server', async () => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('viewer')
    const first = await openStream(api, token)
    await api.restart()
    expect(await first.closed).toBe('ended')
    await using second = await openStream(api, token, first.events[0]?.id)
    expect(lines(second)).toEqual(['reset'])
    await using third = await api.openEventStream(token, second.events[0]?.id)
    api.context.events.publish('droplet', {})
    await third.waitUntil(events => events.length > 0)
    expect(lines(third)).toEqual(['droplet'])
  }, 20_000)
})

describe('a stream ends within a second when its session', () => {
  type EndSession = (
    api: TestApi,
    ann: { secret: string; username: string; token: string },
    owner: string,
  ) => Promise<unknown>
  const endings: [string, EndSession][] = [
    ['is ended', (api, { token }) => api.call('DELETE', '/user/session/current', { token })],
    ['is revoked', (api, _, token) => api.call('DELETE', '/user/auth/revoke/ann', { token })],
    ['loses its user', (api, _, token) => api.call('DELETE', '/user/delete/ann', { token })],
    ['expires', async api => api.clock.advance(7 * DAY)],
    [
      'is replaced by ten newer ones',
      async (api, ann) => {
        for (let count = 0; count < 10; count++) {
          api.clock.advance(30_000)
          await api.logIn(ann)
        }
      },
    ],
  ]

  test.each(endings)('%s', async (_, end) => {
    await using api = await createRunningTestApi()
    const owner = await api.logInAs('owner')
    await using ownerStream = await openStream(api, owner.token)
    const ann = await api.logInAs('manager', 'ann')
    await using stream = await openStream(api, ann.token)
    // No further event triggers a check of the stream.
    await ownerStream.waitUntil(() => lines(ownerStream).includes('user added ann'))
    const startedAt = performance.now()
    await end(api, ann, owner.token)
    expect(await stream.closed).toBe('ended')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect(stream.events.slice(1)).toEqual([endEvent])
    expect(await api.openEventStream(ann.token)).toMatchObject({ response: { status: 401 } })
  })
})

test('a stream continues when its session is refreshed', async () => {
  await using api = await createRunningTestApi()
  const tokens = await api.logIn(await api.createUser('ann', 'viewer'))
  await using stream = await openStream(api, tokens.access_token)
  api.clock.advance(2 * 3_600_000)
  const json = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  expect((await api.call('POST', '/user/auth/refresh', { json })).status).toBe(200)
  api.clock.advance(6 * DAY)
  api.context.events.publish('droplet', {})
  await stream.waitUntil(() => lines(stream).length > 1)
  expect(lines(stream)).toEqual(['begin', 'droplet'])
})

test('the visible events change with the group', async () => {
  await using api = await createRunningTestApi()
  await api.createUser('owner', 'owner')
  const ann = await api.logInAs('viewer', 'ann')
  await using stream = await openStream(api, ann.token)
  api.context.events.publish('operation', { number: 1 })
  await api.context.users.handOver(TEST_ACTOR, 'ann')
  api.context.events.publish('operation', { number: 2 })
  await stream.waitUntil(events => events.some(({ event }) => event === 'user'))
  const operations = stream.events.filter(({ event }) => event === 'operation')
  expect(operations.map(({ data }) => data)).toEqual([{ number: 2 }])
})

test('the response has the common headers and those of a stream', async () => {
  await using api = await createRunningTestApi()
  const { token } = await api.logInAs('viewer')
  await using stream = await api.openEventStream(token)
  const list = await api.call('GET', '/droplet/list', { token })
  const streamHeaders = {
    'content-type': 'text/event-stream',
    'x-accel-buffering': 'no',
    'x-request-id': expect.any(String),
  }
  expect(stream.response.status).toBe(200)
  expect(Object.fromEntries(stream.response.headers)).toEqual({ ...Object.fromEntries(list.headers), ...streamHeaders })
  expect(stream.response.headers.get('x-request-id')).not.toBe(list.headers.get('x-request-id'))
})

test('a stream is logged when it starts', async () => {
  await using api = await createRunningTestApi()
  const { token } = await api.logInAs('viewer')
  await using stream = await openStream(api, token)
  const requests = () => api.logLines.filter(line => line.includes('/event/stream'))
  await waitUntil(() => requests().length > 0, { what: 'the log entry of the stream' })
  await stream.disconnect()
  await api.call('GET', '/droplet/list', { token })
  await waitUntil(() => api.logLines.some(line => line.includes('/droplet/list')), {
    what: 'the log entry of the list',
  })
  expect(requests().map(line => JSON.parse(line))).toEqual([
    expect.objectContaining({ method: 'GET', path: '/api/v1/event/stream', status: 200, user: 'viewer' }),
  ])
})

describe('rejects', () => {
  test.each(['?x=1', '?lastEventId=1', '?since', '?access_token=1'])('the query %s', async query => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('viewer')
    const response = await api.call('GET', `/event/stream${query}`, { token })
    expect(response).toMatchObject({ status: 400, body: { errorId: 917 } })
  })

  test('anonymous clients and refresh tokens', async () => {
    await using api = await createRunningTestApi()
    const { refresh_token } = await api.logIn(await api.createUser('ann', 'viewer'))
    for (const token of [undefined, refresh_token, '0'.repeat(64)]) {
      const response = await api.call('GET', '/event/stream', token ? { token } : {})
      expect(response).toMatchObject({ status: 401, body: { errorId: 908 } })
    }
  })

  test('other methods; HEAD returns the headers without opening a stream', async () => {
    await using api = await createRunningTestApi()
    const { token } = await api.logInAs('viewer')
    for (const method of ['POST', 'OPTIONS', 'DELETE']) {
      expect(await api.call(method, '/event/stream', { token })).toMatchObject({ status: 404 })
    }
    const headers = { authorization: `Bearer ${token}` }
    const request = new Request('http://localhost/api/v1/event/stream', { method: 'HEAD', headers })
    const response = await api.app.handle(request)
    expect([response.status, response.headers.get('content-type'), response.body]).toEqual([
      200,
      'text/event-stream',
      null,
    ])
  })
})

test('a stream lifts the idle timeout until its end', async () => {
  await using api = await createRunningTestApi()
  const { token } = await api.logInAs('viewer')
  const app = createApp(api.context)
  const limits: number[] = []
  using server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: app.fetch })
  app.server = new Proxy(server, {
    get(target, name) {
      if (name === 'timeout') return (_: Request, seconds: number) => limits.push(seconds)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const url = `${server.url}api/v1/event/stream`
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  expect(limits).toEqual([0])
  await api.call('DELETE', '/user/session/current', { token })
  expect(await response.text()).toContain('event: end')
  expect(limits).toEqual([0, IDLE_TIMEOUT_SECONDS])
  expect((await fetch(url)).status).toBe(401)
  expect(limits).toEqual([0, IDLE_TIMEOUT_SECONDS])
})
