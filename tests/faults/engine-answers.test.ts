import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run, until } from '../../scripts/lib/run.ts'
import * as disturbances from '../_support/e2e/disturbances.ts'
import { createEngineProxy } from '../_support/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { forgetPeak, peakMegabytes } from '../_support/e2e/peak-memory.ts'
import { timed } from '../_support/timed.ts'

// An engine that answers nonsense, seen by a client of the binary. What it never answers is in engine-silence.test.ts.

let engine: TestEngine
let proxy: ReturnType<typeof createEngineProxy>
let matrix: Matrix
let token: string

let followed = 0
const elsewhere = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch() {
    followed++
    return Response.json([])
  },
})
const flood = disturbances.createFlood()
const MIB = 1024 * 1024

beforeAll(async () => {
  engine = await startEngine('host')
  proxy = createEngineProxy(engine.socket)
  matrix = await startMatrix({ socket: proxy.socket, flags: ['--image', SMALL_IMAGE] })
  token = await matrix.signIn('owner')
  await matrix.droplets('POST', 'add', token)
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
  await elsewhere.stop(true)
})

const unavailable = {
  status: 503,
  body: { error: 'The container engine cannot be reached or did not answer in time', errorId: 918 },
}
const refused = { status: 400, body: { error: 'Error response from daemon: layer store is gone', errorId: 900 } }

const list = () => matrix.call('GET', '/droplet/list', token)
const states = async () => (await matrix.droplets('GET', 'list', token)).map(({ name, state }) => [name, state])
const docker = async (...words: string[]) => (await run(['docker', '-H', `unix://${engine.socket}`, ...words])).trim()
const containers = () => docker('ps', '-a', '--format', '{{.Names}}')
const keys = () => readdirSync(join(matrix.dataDir, 'credentials')).join()

const nonsense = [
  ['500 in words', disturbances.refuses],
  ['502 in HTML', disturbances.refusesInHtml],
  ['half a JSON', disturbances.halfJson],
  ['an answer that breaks off', disturbances.hangsUpMidway],
  ['301 to another server', disturbances.redirects(elsewhere.url.href)],
  ['100 MB', flood.answer],
] as const
const neverAnswers = ['nothing, ever', disturbances.neverAnswers] as const
const silences = [['one byte a second', disturbances.drips], neverAnswers] as const

const listing = /^GET \S+\/containers\/json$/
const events = /^GET \S+\/events$/
const look = /^GET \S+\/containers\/[0-9a-f]{64}\/json$/

/** Whether the list is refused; as long as it is not, it is no other than it was. */
async function isRefused(): Promise<boolean> {
  const answered = await list()
  if (answered.status === 200) expect(answered.body).toMatchObject([{ name: 'cikit01' }])
  else expect(answered).toMatchObject(unavailable)
  return answered.status === 503
}
const namesIn = ({ body }: { body: unknown }) => (Array.isArray(body) ? body.map(({ name }) => name) : [])
const isBack = async () => (await list()).status === 200

/** Asks for all that needs the engine, and for what does not. */
async function expectUnavailable(round: number): Promise<void> {
  const users = timed(matrix.call('GET', '/user/list', token))
  const asking = [
    list(),
    matrix.call('PATCH', '/droplet/stop/cikit01', token),
    matrix.call('POST', '/droplet/add', token),
  ]
  const { ms, answer: answers } = await timed(Promise.all(asking))
  for (const answered of answers) expect({ round, ...answered }).toMatchObject({ round, ...unavailable })
  expect(ms).toBeLessThan(3_000)
  expect((await users).answer).toMatchObject({ status: 200, body: [{ username: 'owner' }] })
  expect((await users).ms).toBeLessThan(2_000)
}

// In a second round nothing is known of the engine any more, and its version is the first question.
describe('an engine that answers whatever it is asked', () => {
  test.each([...nonsense, ...silences])(
    'with %s is 918 within 3 seconds, and found again within 5',
    async (_, answer) => {
      const before = await states()
      {
        using _disturbed = proxy.disturb(/./, answer)
        // What was heard of it a moment ago is believed, for a second.
        expect(await until(3_000, isRefused)).toBe(true)
        for (const round of [1, 2]) await expectUnavailable(round)
      }
      expect(await until(5_000, isBack)).toBe(true)
      expect(await states()).toEqual(before)
    },
  )
})

// What is known is not asked for again until the connection is lost.
describe.each([
  ['its version', /^GET \S*\/version$/, [...nonsense, ...silences]],
  // A stream that has begun is one until it breaks off, and 100 MB are some of it; that is looked at on its own below.
  ['its events', events, [...nonsense.slice(0, -1), neverAnswers]],
  ['the list', listing, [...nonsense, ...silences]],
  ['a look', look, [...nonsense, ...silences]],
])('an engine that comes back and answers all but %s', (_, asked, answers) => {
  test.each(answers)('is 918 while that is answered with %s', async (_, answer) => {
    const before = await states()
    {
      using _disturbed = proxy.disturb(asked, answer)
      proxy.hangUp()
      expect(await until(3_000, isRefused)).toBe(true)
      for (let count = 0; count < 3; count++) {
        const { ms, answer: answered } = await timed(list())
        expect(answered).toMatchObject(unavailable)
        expect(ms).toBeLessThan(3_000)
      }
      expect(await matrix.call('GET', '/user/list', token)).toMatchObject({ status: 200 })
    }
    expect(await until(5_000, isBack)).toBe(true)
    expect(await states()).toEqual(before)
  })
})

test.each([...nonsense, ...silences])(
  'a serve that is started while all is answered with %s is 918, and finds the engine within 5 seconds',
  async (_, answer) => {
    using disturbed = proxy.disturb(/./, answer)
    await using late = await startMatrix({ socket: proxy.socket })
    const lateToken = await late.signIn('viewer')
    const lateList = () => late.call('GET', '/droplet/list', lateToken)
    for (let count = 0; count < 2; count++) {
      const { ms, answer: answered } = await timed(lateList())
      expect(answered).toMatchObject(unavailable)
      expect(ms).toBeLessThan(3_000)
    }
    disturbed[Symbol.dispose]()
    expect(await until(5_000, async () => (await lateList()).status === 200)).toBe(true)
    expect((await lateList()).body).toMatchObject([{ name: 'cikit01', state: 'running' }])
    // The serve that runs all the while met the same engine.
    expect(await until(5_000, isBack)).toBe(true)
  },
)

describe('an engine that answers the list', () => {
  test.each([...nonsense, ...silences])(
    'with %s lets no change begin, and says so within 3 seconds',
    async (_, answer) => {
      const before = await states()
      {
        using _disturbed = proxy.disturb(listing, answer)
        const asking = [
          matrix.call('PATCH', '/droplet/stop/cikit01', token),
          matrix.call('POST', '/droplet/add', token),
        ]
        const { ms, answer: answers } = await timed(Promise.all(asking))
        for (const answered of answers) expect(answered).toMatchObject(unavailable)
        expect(ms).toBeLessThan(3_000)
      }
      expect(await states()).toEqual(before)
    },
  )
})

describe('an engine that answers a look', () => {
  test.each([...nonsense, ...silences])('with %s after an event is 918 within 3 seconds', async (_, answer) => {
    {
      using _disturbed = proxy.disturb(look, answer)
      await docker('kill', 'cikit01')
      expect(await until(3_000, isRefused)).toBe(true)
    }
    expect(await until(5_000, isBack)).toBe(true)
    expect(await states()).toEqual([['cikit01', 'exited']])
    await docker('start', 'cikit01')
    expect(await until(5_000, async () => (await states()).join() === 'cikit01,running')).toBe(true)
  })
})

describe.each([
  ['stop', 'running', 'exited'],
  ['start', 'exited', 'running'],
] as const)('an engine that answers %s', (action, is, becomes) => {
  const asked = new RegExp(`^POST \\S+/containers/[0-9a-f]{64}/${action}$`)
  const change = (name: string) => matrix.call('PATCH', `/droplet/${name}/cikit01`, token)

  test.each(nonsense)('with %s is told so at once, and is obeyed later', async (what, answer) => {
    expect(await change(is === 'running' ? 'start' : 'stop')).toMatchObject({ status: 200 })
    {
      using _disturbed = proxy.disturb(asked, answer)
      const { ms, answer: answered } = await timed(change(action))
      expect(answered).toMatchObject(what === '500 in words' ? refused : unavailable)
      expect(ms).toBeLessThan(3_000)
      expect(await states()).toEqual([['cikit01', is]])
      expect(await matrix.call('GET', '/user/list', token)).toMatchObject({ status: 200 })
    }
    expect(await change(action)).toMatchObject({ status: 200, body: [{ name: 'cikit01', state: becomes }] })
  })
})

const nothingLeft = async () => (await containers()) === 'cikit01' && keys() === 'cikit01'

describe.each([
  ['has not created anything', false],
  ['has created the droplet', true],
])('an engine that %s and answers', (_, passOn) => {
  test.each(nonsense)('with %s has nothing left of it 5 seconds later', async (what, answer) => {
    {
      using _disturbed = proxy.disturb(/^POST \S+\/containers\/create$/, answer, { passOn })
      expect(await matrix.call('POST', '/droplet/add', token)).toMatchObject(
        what === '500 in words' ? refused : unavailable,
      )
      expect(await until(5_000, nothingLeft)).toBe(true)
      expect(await matrix.call('GET', '/user/list', token)).toMatchObject({ status: 200 })
    }
    expect((await matrix.droplets('POST', 'add', token)).map(({ name }) => name)).toEqual(['cikit02', 'cikit01'])
    await matrix.droplets('DELETE', 'delete/cikit02', token)
  })
})

test.each([
  ['laid the keys in', /^PUT \S+\/archive$/],
  ['started the droplet', /^POST \S+\/containers\/\w+\/start$/],
])('an engine that has %s and breaks off has nothing left of it 5 seconds later', async (_, asked) => {
  {
    using _disturbed = proxy.disturb(asked, disturbances.hangsUpMidway, { passOn: true })
    expect(await matrix.call('POST', '/droplet/add', token)).toMatchObject(unavailable)
  }
  expect(await until(5_000, nothingLeft)).toBe(true)
})

test('a redirection is not followed', async () => {
  // What was undone last is gone from the list, too.
  expect(await until(5_000, async () => namesIn(await list()).join() === 'cikit01')).toBe(true)
  followed = 0
  using _disturbed = proxy.disturb(/./, disturbances.redirects(elsewhere.url.href))
  expect(await until(3_000, isRefused)).toBe(true)
  expect(await matrix.call('POST', '/droplet/add', token)).toMatchObject(unavailable)
  expect(followed).toBe(0)
  // Whoever follows is counted.
  await fetch(elsewhere.url)
  expect(followed).toBe(1)
})

test('100 MB are not read to their end, and ten times 100 MB are not kept', async () => {
  using _disturbed = proxy.disturb(listing, flood.answer)
  forgetPeak(matrix.process.pid)
  const before = peakMegabytes(matrix.process.pid)
  for (let count = 0; count < 10; count++) {
    flood.sent = 0
    expect(await matrix.call('PATCH', '/droplet/stop/cikit01', token)).toMatchObject(unavailable)
    // 16 MB are read, and some more lie in the buffers of the socket; the live list may ask the same meanwhile.
    expect(flood.sent).toBeLessThan(64 * MIB)
  }
  expect(peakMegabytes(matrix.process.pid) - before).toBeLessThan(300)
})

test('100 MB in the place of events are neither kept nor waited for, and each list meanwhile is true', async () => {
  using _disturbed = proxy.disturb(events, flood.answer)
  forgetPeak(matrix.process.pid)
  const before = peakMegabytes(matrix.process.pid)
  proxy.hangUp()
  const looksAround = async () => {
    await isRefused()
    const users = await timed(matrix.call('GET', '/user/list', token))
    expect(users.answer.status).toBe(200)
    expect(users.ms).toBeLessThan(1_000)
    return false
  }
  await until(3_000, looksAround)
  expect(peakMegabytes(matrix.process.pid) - before).toBeLessThan(300)
})
