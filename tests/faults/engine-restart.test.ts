import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { renameSync } from 'node:fs'
import { pollUntil } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { freeze } from '../testkit/e2e/freeze.ts'
import { type ApiResponse, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { startUnstoppable, watchStop } from '../testkit/e2e/unstoppable-droplet.ts'
import { timed } from '../testkit/timed.ts'

// The engine goes away while it stops a droplet that does not hear its stop signal, and comes back.

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

/** A stop that the engine is in the middle of; `ended` tells what came of it. */
async function startStop() {
  const stopWatch = await watchStop(engine, 'cikit50')
  const stopResponse = change('stop')
  await stopWatch.started()
  return { stopResponse }
}

async function expectUnavailable(target = server, userToken = token): Promise<void> {
  // What was heard a moment ago is believed, for a second.
  const isUnavailable = async () => {
    const answer = await list(target, userToken)
    expectTrueOrUnavailable(answer)
    return answer.status === 503
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

function expectTrueOrUnavailable(answer: ApiResponse): void {
  expect(answer).toMatchObject(answer.status === 200 ? { body: [{ name: 'cikit50' }] } : unavailable)
}

async function expectBack(target = server, userToken = token): Promise<void> {
  expect(await pollUntil(5_000, () => list(target, userToken).then(({ status }) => status === 200))).toBe(true)
}

test('an engine that ends in the middle of a stop is unavailable until it is back, and the droplet is stopped then', async () => {
  const { stopResponse } = await startStop()
  let isStopped = false
  const engineStopped = engine.stop().finally(() => {
    isStopped = true
  })
  // It may still answer at first: what it says then is no empty list.
  const listedUntilStopped = pollUntil(60_000, async () => {
    const { ms, result } = await timed(list())
    expectTrueOrUnavailable(result)
    expect(ms).toBeLessThan(3_000)
    return isStopped
  })
  expect(await listedUntilStopped).toBe(true)
  await engineStopped
  // Its last words may reach us, or not: a stop that is said to be done is done.
  const stop = await stopResponse
  expect(stop).toMatchObject(stop.status === 200 ? stoppedList : unavailable)
  await expectUnavailable()
  engine = await startEngine('host', { keep: true })
  await expectBack()
  expect(await change('stop')).toMatchObject(stoppedList)
  expect(await change('start')).toMatchObject({ status: 200, body: [{ name: 'cikit50', state: 'running' }] })
})

test('an engine that hangs in the middle of a stop ends it when it goes on', async () => {
  const { stopResponse } = await startStop()
  {
    using _frozen = await freeze(engine.pid)
    await expectUnavailable()
  }
  await expectBack()
  expect(await stopResponse).toMatchObject(stoppedList)
})

test('a socket that is not there is missed at once by a serve that is started then, and found when it is back', async () => {
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
    // The other one still has a connection: what it hears there is true, and an empty list would not be.
    expectTrueOrUnavailable(await list())
  } finally {
    renameSync(movedSocket, engine.socket)
  }
  await expectBack(lateServer, lateToken)
  expect(await stopResponse).toMatchObject(stoppedList)
  // The other one knows it from its own look, this one from the event, which may come a moment later.
  const isExited = () =>
    lateServer.callDroplets('GET', 'list', lateToken).then(([droplet]) => droplet?.state === 'exited')
  expect(await pollUntil(1_000, isExited)).toBe(true)
  expect(await list(lateServer, lateToken)).toMatchObject(stoppedList)
})
