import { afterAll, beforeAll, expect, test } from 'bun:test'
import { run } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { type Followed, followEvents, type SentEvent } from '../_support/events.ts'

// What others do to droplets, with Docker's own command line, as it comes over a stream of events.

let engine: TestEngine
let matrix: Matrix
let stream: Followed
let token: string

async function follow(lastEventId?: string): Promise<Followed> {
  const headers = { authorization: `Bearer ${token}`, ...(lastEventId && { 'last-event-id': lastEventId }) }
  return followEvents(await fetch(`${matrix.url}/event/stream`, { headers, timeout: false }))
}

beforeAll(async () => {
  engine = await startEngine('host')
  matrix = await startMatrix({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  token = await matrix.signIn('viewer')
  await matrix.droplets('GET', 'list', token)
  stream = await follow()
  await stream.until(events => events.length > 0)
})
afterAll(async () => {
  await stream.hangUp()
  await matrix[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
})

const docker = (...words: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...words])

/** As a line: `changed cikit41 exited`, `away`. */
function worded({ event, data }: SentEvent): string {
  const { change, state, droplet } = data as { change: string; state: string; droplet: { name: string; state: string } }
  return event === 'droplet' ? `${change} ${droplet.name} ${droplet.state}` : event === 'engine' ? state : event
}

/** Waits until this is what was told last, for a second after the command that leads to it. */
async function soon(line: RegExp): Promise<void> {
  await stream.until(events => line.test(events.map(worded).at(-1) ?? ''), 1_000)
}

test('a droplet that is made, stopped, started and removed elsewhere is told of within a second', async () => {
  await docker('run', '-d', '--name', 'cikit41', '-p', '127.0.0.1:2241:22', SMALL_IMAGE)
  // It may be seen before its start, or only after that.
  await soon(/^(added|changed) cikit41 running$/)
  const [{ id, ports } = {}] = await matrix.droplets('GET', 'list', token)
  expect(stream.events.at(-1)?.data).toMatchObject({ droplet: { id, ports } })
  expect(Object.keys(ports ?? {})).toEqual(['22'])
  await docker('stop', '-t', '1', 'cikit41')
  await soon(/^changed cikit41 exited$/)
  await docker('start', 'cikit41')
  await soon(/^changed cikit41 running$/)
  await docker('rm', '-f', 'cikit41')
  await soon(/^removed cikit41 /)
  expect(worded(stream.events[1] ?? { id: undefined, event: '', data: {} })).toMatch(/^added cikit41 /)
})

test('other containers come and go unseen', async () => {
  await docker('run', '-d', '--name', 'nginx', SMALL_IMAGE)
  await docker('rm', '-f', 'nginx')
  await docker('run', '-d', '--name', 'cikit42', SMALL_IMAGE)
  await soon(/^(added|changed) cikit42 running$/)
  expect(JSON.stringify(stream.events)).not.toContain('nginx')
})

test('who was away while things happened gets all of it when it comes back', async () => {
  const before = stream.events.at(-1)?.id
  const count = stream.events.length
  await docker('stop', '-t', '1', 'cikit42')
  await docker('start', 'cikit42')
  await soon(/^(added|changed) cikit42 running$/)
  await using again = await follow(before)
  const missed = stream.events.slice(count)
  await again.until(events => events.length >= missed.length)
  expect(again.events.slice(0, missed.length)).toEqual(missed)
})

test('an engine that is restarted goes away and comes back, and what became of its droplets is told', async () => {
  await engine.stop()
  await stream.until(events => events.map(worded).includes('away'), 5_000)
  engine = await startEngine('host', { keep: true })
  await stream.until(events => events.map(worded).includes('back'), 5_000)
  // It stops what runs before it goes, which is heard of in time or not.
  const last = () =>
    stream.events
      .filter(({ event }) => event === 'droplet')
      .map(worded)
      .at(-1)
  await stream.until(() => last() === 'changed cikit42 exited', 1_000)
})
