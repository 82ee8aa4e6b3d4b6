import { afterAll, beforeAll, expect, test } from 'bun:test'
import { until } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { freeze } from '../_support/e2e/freeze.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { timed } from '../_support/timed.ts'

// The engine goes away and comes back, and serve stays.

let engine: TestEngine
let matrix: Matrix
let token: string

beforeAll(async () => {
  engine = await startEngine('host')
  matrix = await startMatrix({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  token = await matrix.signIn('owner')
  await matrix.droplets('POST', 'add', token)
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
})

const unavailable = { status: 503, body: { errorId: 918 } }

/** What was heard a moment ago is believed, for a second. */
const isRefused = async () => (await matrix.call('GET', '/droplet/list', token)).status === 503

const engineNow = async () => JSON.parse(await matrix.cli('health', '--json')).engine

test('an engine that hangs is said to be unavailable within 3 seconds, and no list is shown', async () => {
  {
    using _frozen = await freeze(engine.pid)
    // After a second of silence, and what it takes to ask.
    expect(await until(1_500, async () => (await engineNow()) === 'away')).toBe(true)
    expect(await until(3_000, isRefused)).toBe(true)
    expect(await matrix.call('GET', '/droplet/list', token)).toMatchObject(unavailable)
    const stop = await timed(matrix.call('PATCH', '/droplet/stop/cikit01', token))
    expect(stop.answer).toMatchObject(unavailable)
    expect(stop.ms).toBeLessThan(3_000)
    expect((await matrix.call('GET', '/user/list', token)).status).toBe(200)
  }
  expect(await matrix.droplets('GET', 'list', token)).toMatchObject([{ name: 'cikit01', state: 'running' }])
  expect(await engineNow()).toBe('ok')
})

test('an engine that stops is unavailable within 3 seconds, and is found again within 5 seconds of its return', async () => {
  await engine.stop()
  expect(await until(3_000, isRefused)).toBe(true)
  const list = await timed(matrix.call('GET', '/droplet/list', token))
  expect(list.answer).toMatchObject(unavailable)
  expect(list.ms).toBeLessThan(3_000)
  expect(await matrix.call('POST', '/droplet/add', token)).toMatchObject(unavailable)

  // `startEngine` begins with an engine that is empty: what it removed must be gone from the list, too.
  engine = await startEngine('host')
  const back = () => matrix.call('GET', '/droplet/list', token).then(({ status }) => status === 200)
  expect(await until(5_000, back)).toBe(true)
  // It may be found before that, and hears of it by an event then, which may come a moment later.
  const isEmpty = async () => (await matrix.droplets('GET', 'list', token)).length === 0
  expect(await until(1_000, isEmpty)).toBe(true)
})
