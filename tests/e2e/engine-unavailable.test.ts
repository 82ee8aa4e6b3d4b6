import { afterAll, beforeAll, expect, test } from 'bun:test'
import { pollUntil } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { freeze } from '../testkit/e2e/freeze.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { timed } from '../testkit/timed.ts'

// The server keeps running while the engine is unavailable.

let engine: TestEngine
let server: ServerProcess
let token: string

beforeAll(async () => {
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  token = await server.logInAs('owner')
  await server.callDroplets('POST', 'add', token)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

const unavailable = { status: 503, body: { errorId: 918 } }

/** Poll this: the cached list is served for up to a second. */
const isUnavailable = async () => (await server.call('GET', '/droplet/list', token)).status === 503

const engineHealth = async () => JSON.parse(await server.runCli('health', '--json')).engine

test('reports a hanging engine as unavailable within 3 seconds and serves no list', async () => {
  {
    using _frozen = await freeze(engine.pid)
    // A second of silence, plus the time of a ping.
    expect(await pollUntil(1_500, async () => (await engineHealth()) === 'away')).toBe(true)
    expect(await pollUntil(3_000, isUnavailable)).toBe(true)
    expect(await server.call('GET', '/droplet/list', token)).toMatchObject(unavailable)
    const stop = await timed(server.call('PATCH', '/droplet/stop/cikit01', token))
    expect(stop.result).toMatchObject(unavailable)
    expect(stop.ms).toBeLessThan(3_000)
    expect((await server.call('GET', '/user/list', token)).status).toBe(200)
  }
  expect(await server.callDroplets('GET', 'list', token)).toMatchObject([{ name: 'cikit01', state: 'running' }])
  expect(await engineHealth()).toBe('ok')
})

test('reports a stopped engine within 3 seconds and finds it again within 5 seconds of its return', async () => {
  await engine.stop()
  expect(await pollUntil(3_000, isUnavailable)).toBe(true)
  const list = await timed(server.call('GET', '/droplet/list', token))
  expect(list.result).toMatchObject(unavailable)
  expect(list.ms).toBeLessThan(3_000)
  expect(await server.call('POST', '/droplet/add', token)).toMatchObject(unavailable)

  // `startEngine` removes all containers, so the list must become empty.
  engine = await startEngine('host')
  const isBack = () => server.call('GET', '/droplet/list', token).then(({ status }) => status === 200)
  expect(await pollUntil(5_000, isBack)).toBe(true)
  // The server may connect before the removal and learn of it by an event a moment later.
  const isEmpty = async () => (await server.callDroplets('GET', 'list', token)).length === 0
  expect(await pollUntil(1_000, isEmpty)).toBe(true)
})
