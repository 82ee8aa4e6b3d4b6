import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { renameSync } from 'node:fs'
import { pollUntil } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { freeze } from '../testkit/e2e/freeze.ts'
import { type ApiResponse, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { startUnstoppable, watchStop } from '../testkit/e2e/unstoppable-droplet.ts'
import { timed } from '../testkit/timed.ts'

// The engine becomes unavailable while it stops a droplet that ignores its stop signal, and comes back.

const STOP_TIMEOUT_SECONDS = 4
const flags = ['--image', SMALL_IMAGE]
let engine: TestEngine
let server: ServerProcess
let token: string

beforeAll(async () => {
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket, flags })
  token = await server.logInAs('owner')
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine.stop()
})
beforeEach(() => startUnstoppable(engine, 'cikit50', STOP_TIMEOUT_SECONDS))
afterEach(() => engine.removeContainers())

const unavailable = { status: 503, body: { errorId: 918 } }
const stoppedList = { status: 200, body: [{ name: 'cikit50', state: 'exited' }] }
const list = (target = server, userToken = token) => target.call('GET', '/droplet/list', userToken)
const change = (action: string) => server.call('PATCH', `/droplet/${action}/cikit50`, token)

/** Starts a stop and waits until the engine has begun it. */
async function startStop() {
  const stopWatch = await watchStop(engine, 'cikit50')
  const stopResponse = change('stop')
  await stopWatch.started()
  return { stopResponse }
}

async function expectUnavailable(target = server, userToken = token): Promise<void> {
  // Cached state is served for up to a second.
  const isUnavailable = async () => {
    const response = await list(target, userToken)
    expectListedOrUnavailable(response)
    return response.status === 503
  }
  expect(await pollUntil(3_000, isUnavailable)).toBe(true)
  const { ms, result } = await timed(list(target, userToken))
  expect(result).toMatchObject(unavailable)
  expect(ms).toBeLessThan(3_000)
  expect(await target.call('GET', '/user/list', userToken)).toMatchObject({
    status: 200,
    body: [{ username: 'owner' }],
  })
}

function expectListedOrUnavailable(response: ApiResponse): void {
  expect(response).toMatchObject(response.status === 200 ? { body: [{ name: 'cikit50' }] } : unavailable)
}

async function expectBack(target = server, userToken = token): Promise<void> {
  expect(await pollUntil(5_000, () => list(target, userToken).then(({ status }) => status === 200))).toBe(true)
}

test('an engine that exits during a stop is unavailable until it is back, and then the droplet is stopped', async () => {
  const { stopResponse } = await startStop()
  let isStopped = false
  const engineStopped = engine.stop().finally(() => {
    isStopped = true
  })
  // The engine may still respond at first, but never with an empty list.
  const listedUntilStopped = pollUntil(60_000, async () => {
    const { ms, result } = await timed(list())
    expectListedOrUnavailable(result)
    expect(ms).toBeLessThan(3_000)
    return isStopped
  })
  expect(await listedUntilStopped).toBe(true)
  await engineStopped
  // The last response may be lost; a reported success must be true.
  const stop = await stopResponse
  expect(stop).toMatchObject(stop.status === 200 ? stoppedList : unavailable)
  await expectUnavailable()
  engine = await startEngine('host', { keep: true })
  await expectBack()
  expect(await change('stop')).toMatchObject(stoppedList)
  expect(await change('start')).toMatchObject({ status: 200, body: [{ name: 'cikit50', state: 'running' }] })
})

test('an engine that freezes during a stop completes it when it continues', async () => {
  const { stopResponse } = await startStop()
  {
    using _frozen = await freeze(engine.pid)
    await expectUnavailable()
  }
  await expectBack()
  expect(await stopResponse).toMatchObject(stoppedList)
})

test('a server started without the socket reports 918 at once, and connects when the socket is back', async () => {
  const { stopResponse } = await startStop()
  const movedSocket = `${engine.socket}.away`
  renameSync(engine.socket, movedSocket)
  await using lateServer = await startServerProcess({ socket: engine.socket, flags })
  const lateToken = await lateServer.logInAs('owner')
  try {
    expect(await list(lateServer, lateToken)).toMatchObject(unavailable)
    await expectUnavailable(lateServer, lateToken)
    for (const [method, path] of [
      ['PATCH', '/droplet/start/cikit50'],
      ['POST', '/droplet/add'],
    ] as const) {
      expect(await lateServer.call(method, path, lateToken)).toMatchObject(unavailable)
    }
    // The first server still has a connection, so it may list the droplet, but not an empty list.
    expectListedOrUnavailable(await list())
  } finally {
    renameSync(movedSocket, engine.socket)
  }
  await expectBack(lateServer, lateToken)
  expect(await stopResponse).toMatchObject(stoppedList)
  // The first server has inspected the droplet; the second one waits for the event.
  const isExited = () =>
    lateServer.callDroplets('GET', 'list', lateToken).then(([droplet]) => droplet?.state === 'exited')
  expect(await pollUntil(1_000, isExited)).toBe(true)
  expect(await list(lateServer, lateToken)).toMatchObject(stoppedList)
})
