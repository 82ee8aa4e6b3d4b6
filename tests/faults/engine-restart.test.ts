import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { renameSync } from 'node:fs'
import { until } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { freeze } from '../_support/e2e/freeze.ts'
import { type Answer, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { startStubborn, stopOf } from '../_support/e2e/stubborn.ts'
import { timed } from '../_support/timed.ts'

// The engine goes away while it stops a droplet that does not hear its stop signal, and comes back.

const PATIENCE_SECONDS = 4
const flags = ['--image', SMALL_IMAGE]
let engine: TestEngine
let matrix: Matrix
let token: string

beforeAll(async () => {
  engine = await startEngine('host')
  matrix = await startMatrix({ socket: engine.socket, flags })
  token = await matrix.signIn('owner')
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await engine.stop()
})
beforeEach(() => startStubborn(engine, 'cikit50', PATIENCE_SECONDS))
afterEach(() => engine.clear())

const unavailable = { status: 503, body: { errorId: 918 } }
const stoppedList = { status: 200, body: [{ name: 'cikit50', state: 'exited' }] }
const list = (of = matrix, as = token) => of.call('GET', '/droplet/list', as)
const change = (action: string) => matrix.call('PATCH', `/droplet/${action}/cikit50`, token)

/** A stop that the engine is in the middle of; `ended` tells what came of it. */
async function beginStop() {
  const listening = await stopOf(engine, 'cikit50')
  const ended = change('stop')
  await listening.begun()
  return { ended }
}

async function expectUnavailable(of = matrix, as = token): Promise<void> {
  // What was heard a moment ago is believed, for a second.
  const isRefused = async () => {
    const answer = await list(of, as)
    expectTrueOrUnavailable(answer)
    return answer.status === 503
  }
  expect(await until(3_000, isRefused)).toBe(true)
  const { ms, answer } = await timed(list(of, as))
  expect(answer).toMatchObject(unavailable)
  expect(ms).toBeLessThan(3_000)
  expect(await of.call('GET', '/user/list', as)).toMatchObject({ status: 200, body: [{ username: 'owner' }] })
}

function expectTrueOrUnavailable(answer: Answer): void {
  expect(answer).toMatchObject(answer.status === 200 ? { body: [{ name: 'cikit50' }] } : unavailable)
}

async function expectBack(of = matrix, as = token): Promise<void> {
  expect(await until(5_000, () => list(of, as).then(({ status }) => status === 200))).toBe(true)
}

test('an engine that ends in the middle of a stop is unavailable until it is back, and the droplet is stopped then', async () => {
  const { ended } = await beginStop()
  let stopped = false
  const gone = engine.stop().finally(() => {
    stopped = true
  })
  // It may still answer at first: what it says then is no empty list.
  const watched = until(60_000, async () => {
    const { ms, answer } = await timed(list())
    expectTrueOrUnavailable(answer)
    expect(ms).toBeLessThan(3_000)
    return stopped
  })
  expect(await watched).toBe(true)
  await gone
  // Its last words may reach us, or not: a stop that is said to be done is done.
  const stop = await ended
  expect(stop).toMatchObject(stop.status === 200 ? stoppedList : unavailable)
  await expectUnavailable()
  engine = await startEngine('host', { keep: true })
  await expectBack()
  expect(await change('stop')).toMatchObject(stoppedList)
  expect(await change('start')).toMatchObject({ status: 200, body: [{ name: 'cikit50', state: 'running' }] })
})

test('an engine that hangs in the middle of a stop ends it when it goes on', async () => {
  const { ended } = await beginStop()
  {
    using _frozen = await freeze(engine.pid)
    await expectUnavailable()
  }
  await expectBack()
  expect(await ended).toMatchObject(stoppedList)
})

test('a socket that is not there is missed at once by a serve that is started then, and found when it is back', async () => {
  const { ended } = await beginStop()
  const elsewhere = `${engine.socket}.away`
  renameSync(engine.socket, elsewhere)
  await using late = await startMatrix({ socket: engine.socket, flags })
  const lateToken = await late.signIn('owner')
  try {
    expect(await list(late, lateToken)).toMatchObject(unavailable)
    await expectUnavailable(late, lateToken)
    for (const [method, path] of [
      ['PATCH', '/droplet/start/cikit50'],
      ['POST', '/droplet/add'],
    ] as const) {
      expect(await late.call(method, path, lateToken)).toMatchObject(unavailable)
    }
    // The other one still has a connection: what it hears there is true, and an empty list would not be.
    expectTrueOrUnavailable(await list())
  } finally {
    renameSync(elsewhere, engine.socket)
  }
  await expectBack(late, lateToken)
  expect(await ended).toMatchObject(stoppedList)
  // The other one knows it from its own look, this one from the event, which may come a moment later.
  const isStopped = () => late.droplets('GET', 'list', lateToken).then(([droplet]) => droplet?.state === 'exited')
  expect(await until(1_000, isStopped)).toBe(true)
  expect(await list(late, lateToken)).toMatchObject(stoppedList)
})
