import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import * as connectionFaults from '../testkit/e2e/connection-faults.ts'
import { createEngineProxy } from '../testkit/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { peakMegabytes, resetPeakMemory } from '../testkit/e2e/peak-memory.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { timed } from '../testkit/timed.ts'

// An engine with malformed responses, seen by a client of the server. Unanswered changes are in engine-timeout.test.ts.

let engine: TestEngine
let proxy: ReturnType<typeof createEngineProxy>
let server: ServerProcess
let token: string

let redirectHits = 0
const redirectTarget = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch() {
    redirectHits++
    return Response.json([])
  },
})
const flood = connectionFaults.createFlood()
const MIB = 1024 * 1024

beforeAll(async () => {
  engine = await startEngine('host')
  proxy = createEngineProxy(engine.socket)
  server = await startServerProcess({ socket: proxy.socket, flags: ['--image', SMALL_IMAGE] })
  token = await server.logInAs('owner')
  await server.callDroplets('POST', 'add', token)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
  await redirectTarget.stop(true)
})

const unavailable = {
  status: 503,
  body: { error: 'The container engine cannot be reached or did not answer in time', errorId: 918 },
}
const rejected = { status: 400, body: { error: 'Error response from daemon: layer store is gone', errorId: 900 } }

const list = () => server.call('GET', '/droplet/list', token)
const dropletStates = async () =>
  (await server.callDroplets('GET', 'list', token)).map(({ name, state }) => [name, state])
const docker = async (...args: string[]) => (await run(['docker', '-H', `unix://${engine.socket}`, ...args])).trim()
const containerNames = () => docker('ps', '-a', '--format', '{{.Names}}')
const keyFolders = () => readdirSync(join(server.dataDir, 'credentials')).join()

const malformedResponses = [
  ['an error 500', connectionFaults.respondsWithError],
  ['502 in HTML', connectionFaults.respondsWithHtml],
  ['truncated JSON', connectionFaults.sendsTruncatedJson],
  ['a response that breaks off', connectionFaults.closesMidResponse],
  ['a redirect to another server', connectionFaults.redirectsTo(redirectTarget.url.href)],
  ['100 MB', flood.respond],
] as const
const noResponse = ['no response', connectionFaults.neverResponds] as const
const silentResponses = [['one byte a second', connectionFaults.trickles], noResponse] as const

const listRequest = /^GET \S+\/containers\/json$/
const eventsRequest = /^GET \S+\/events$/
const inspectRequest = /^GET \S+\/containers\/[0-9a-f]{64}\/json$/

/** Whether the list returns 918. Until then it must be the unchanged list. */
async function isUnavailable(): Promise<boolean> {
  const response = await list()
  if (response.status === 200) expect(response.body).toMatchObject([{ name: 'cikit01' }])
  else expect(response).toMatchObject(unavailable)
  return response.status === 503
}
const namesIn = ({ body }: { body: unknown }) => (Array.isArray(body) ? body.map(({ name }) => name) : [])
const isBack = async () => (await list()).status === 200

/** Expects 918 for everything that needs the engine, and success for everything else. */
async function expectUnavailable(round: number): Promise<void> {
  const userList = timed(server.call('GET', '/user/list', token))
  const requests = [
    list(),
    server.call('PATCH', '/droplet/stop/cikit01', token),
    server.call('POST', '/droplet/add', token),
  ]
  const { ms, result: faults } = await timed(Promise.all(requests))
  for (const response of faults) expect({ round, ...response }).toMatchObject({ round, ...unavailable })
  expect(ms).toBeLessThan(3_000)
  expect((await userList).result).toMatchObject({ status: 200, body: [{ username: 'owner' }] })
  expect((await userList).ms).toBeLessThan(2_000)
}

// In the second round the connection is lost, so the server asks for the engine's version first.
describe('an engine that answers every request', () => {
  test.each([...malformedResponses, ...silentResponses])(
    'with %s is unavailable within 3 seconds, and available within 5 seconds after it recovers',
    async (_, fault) => {
      const before = await dropletStates()
      {
        using _injected = proxy.injectFault(/./, fault)
        // Cached state is served for up to a second.
        expect(await pollUntil(3_000, isUnavailable)).toBe(true)
        for (const round of [1, 2]) await expectUnavailable(round)
      }
      expect(await pollUntil(5_000, isBack)).toBe(true)
      expect(await dropletStates()).toEqual(before)
    },
  )
})

// The server repeats these requests only after it has lost the connection.
describe.each([
  ['its version', /^GET \S*\/version$/, [...malformedResponses, ...silentResponses]],
  // A slow or endless response is a valid event stream. The flood of 100 MB is tested separately below.
  ['its events', eventsRequest, [...malformedResponses.slice(0, -1), noResponse]],
  ['the list', listRequest, [...malformedResponses, ...silentResponses]],
  ['an inspection', inspectRequest, [...malformedResponses, ...silentResponses]],
])('an engine that reconnects but fails to answer %s', (_, pattern, responses) => {
  test.each(responses)('is unavailable while it answers that with %s', async (_, fault) => {
    const before = await dropletStates()
    {
      using _injected = proxy.injectFault(pattern, fault)
      proxy.dropConnections()
      expect(await pollUntil(3_000, isUnavailable)).toBe(true)
      for (let count = 0; count < 3; count++) {
        const { ms, result: response } = await timed(list())
        expect(response).toMatchObject(unavailable)
        expect(ms).toBeLessThan(3_000)
      }
      expect(await server.call('GET', '/user/list', token)).toMatchObject({ status: 200 })
    }
    expect(await pollUntil(5_000, isBack)).toBe(true)
    expect(await dropletStates()).toEqual(before)
  })
})

test.each([...malformedResponses, ...silentResponses])(
  'a server started while the engine answers with %s reports 918, and connects within 5 seconds after it recovers',
  async (_, fault) => {
    using injected = proxy.injectFault(/./, fault)
    await using lateServer = await startServerProcess({ socket: proxy.socket })
    const lateToken = await lateServer.logInAs('viewer')
    const listFromLate = () => lateServer.call('GET', '/droplet/list', lateToken)
    for (let count = 0; count < 2; count++) {
      const { ms, result: response } = await timed(listFromLate())
      expect(response).toMatchObject(unavailable)
      expect(ms).toBeLessThan(3_000)
    }
    injected[Symbol.dispose]()
    expect(await pollUntil(5_000, async () => (await listFromLate()).status === 200)).toBe(true)
    expect((await listFromLate()).body).toMatchObject([{ name: 'cikit01', state: 'running' }])
    // The first server saw the same faults.
    expect(await pollUntil(5_000, isBack)).toBe(true)
  },
)

describe('an engine that answers the list', () => {
  test.each([...malformedResponses, ...silentResponses])(
    'with %s prevents changes, which fail with 918 within 3 seconds',
    async (_, fault) => {
      const before = await dropletStates()
      {
        using _injected = proxy.injectFault(listRequest, fault)
        const requests = [
          server.call('PATCH', '/droplet/stop/cikit01', token),
          server.call('POST', '/droplet/add', token),
        ]
        const { ms, result: faults } = await timed(Promise.all(requests))
        for (const response of faults) expect(response).toMatchObject(unavailable)
        expect(ms).toBeLessThan(3_000)
      }
      expect(await dropletStates()).toEqual(before)
    },
  )
})

describe('an engine that answers an inspection', () => {
  test.each([...malformedResponses, ...silentResponses])(
    'with %s after an event is unavailable within 3 seconds',
    async (_, fault) => {
      {
        using _injected = proxy.injectFault(inspectRequest, fault)
        await docker('kill', 'cikit01')
        expect(await pollUntil(3_000, isUnavailable)).toBe(true)
      }
      expect(await pollUntil(5_000, isBack)).toBe(true)
      expect(await dropletStates()).toEqual([['cikit01', 'exited']])
      await docker('start', 'cikit01')
      expect(await pollUntil(5_000, async () => (await dropletStates()).join() === 'cikit01,running')).toBe(true)
    },
  )
})

describe.each([
  ['stop', 'running', 'exited'],
  ['start', 'exited', 'running'],
] as const)('an engine that answers %s', (action, initialState, finalState) => {
  const pattern = new RegExp(`^POST \\S+/containers/[0-9a-f]{64}/${action}$`)
  const change = (name: string) => server.call('PATCH', `/droplet/${name}/cikit01`, token)

  test.each(malformedResponses)(
    'with %s fails the change at once, and allows it after it recovers',
    async (description, fault) => {
      expect(await change(initialState === 'running' ? 'start' : 'stop')).toMatchObject({ status: 200 })
      {
        using _injected = proxy.injectFault(pattern, fault)
        const { ms, result: response } = await timed(change(action))
        expect(response).toMatchObject(description === 'an error 500' ? rejected : unavailable)
        expect(ms).toBeLessThan(3_000)
        expect(await dropletStates()).toEqual([['cikit01', initialState]])
        expect(await server.call('GET', '/user/list', token)).toMatchObject({ status: 200 })
      }
      expect(await change(action)).toMatchObject({ status: 200, body: [{ name: 'cikit01', state: finalState }] })
    },
  )
})

const isClean = async () => (await containerNames()) === 'cikit01' && keyFolders() === 'cikit01'

describe.each([
  ['has not created anything', false],
  ['has created the droplet', true],
])('an engine that %s and answers', (_, forwardFirst) => {
  test.each(malformedResponses)('with %s leaves nothing behind after 5 seconds', async (description, fault) => {
    {
      using _injected = proxy.injectFault(/^POST \S+\/containers\/create$/, fault, { forwardFirst })
      expect(await server.call('POST', '/droplet/add', token)).toMatchObject(
        description === 'an error 500' ? rejected : unavailable,
      )
      expect(await pollUntil(5_000, isClean)).toBe(true)
      expect(await server.call('GET', '/user/list', token)).toMatchObject({ status: 200 })
    }
    expect((await server.callDroplets('POST', 'add', token)).map(({ name }) => name)).toEqual(['cikit02', 'cikit01'])
    await server.callDroplets('DELETE', 'delete/cikit02', token)
  })
})

test.each([
  ['installed the keys', /^PUT \S+\/archive$/],
  ['started the droplet', /^POST \S+\/containers\/\w+\/start$/],
])('an add is rolled back within 5 seconds if the engine has %s and breaks off', async (_, pattern) => {
  {
    using _injected = proxy.injectFault(pattern, connectionFaults.closesMidResponse, { forwardFirst: true })
    expect(await server.call('POST', '/droplet/add', token)).toMatchObject(unavailable)
  }
  expect(await pollUntil(5_000, isClean)).toBe(true)
})

test('does not follow a redirect', async () => {
  // Wait until the previous rollback is complete.
  expect(await pollUntil(5_000, async () => namesIn(await list()).join() === 'cikit01')).toBe(true)
  redirectHits = 0
  using _injected = proxy.injectFault(/./, connectionFaults.redirectsTo(redirectTarget.url.href))
  expect(await pollUntil(3_000, isUnavailable)).toBe(true)
  expect(await server.call('POST', '/droplet/add', token)).toMatchObject(unavailable)
  expect(redirectHits).toBe(0)
  // Proves that a followed redirect would be counted.
  await fetch(redirectTarget.url)
  expect(redirectHits).toBe(1)
})

test('does not read a response of 100 MB to its end, nor keep ten of them in memory', async () => {
  using _injected = proxy.injectFault(listRequest, flood.respond)
  resetPeakMemory(server.process.pid)
  const before = peakMegabytes(server.process.pid)
  for (let count = 0; count < 10; count++) {
    flood.sentBytes = 0
    expect(await server.call('PATCH', '/droplet/stop/cikit01', token)).toMatchObject(unavailable)
    // The server reads 16 MB; more is in socket buffers, and the informer may send the same request.
    expect(flood.sentBytes).toBeLessThan(64 * MIB)
  }
  expect(peakMegabytes(server.process.pid) - before).toBeLessThan(300)
})

test('does not buffer or wait for 100 MB instead of events, and lists stay correct', async () => {
  using _injected = proxy.injectFault(eventsRequest, flood.respond)
  resetPeakMemory(server.process.pid)
  const before = peakMegabytes(server.process.pid)
  proxy.dropConnections()
  const checkAvailability = async () => {
    await isUnavailable()
    const userList = await timed(server.call('GET', '/user/list', token))
    expect(userList.result.status).toBe(200)
    expect(userList.ms).toBeLessThan(1_000)
    return false
  }
  await pollUntil(3_000, checkAvailability)
  expect(peakMegabytes(server.process.pid) - before).toBeLessThan(300)
})
