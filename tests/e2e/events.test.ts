import { afterAll, beforeAll, expect, test } from 'bun:test'
import { run } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { type EventStreamReader, readEventStream, type StreamEvent } from '../testkit/events/event-stream-reader.ts'

// Changes made with Docker's command line appear in the event stream.

let engine: TestEngine
let server: ServerProcess
let stream: EventStreamReader
let token: string

async function openStream(lastEventId?: string): Promise<EventStreamReader> {
  const headers = { authorization: `Bearer ${token}`, ...(lastEventId && { 'last-event-id': lastEventId }) }
  return readEventStream(await fetch(`${server.url}/event/stream`, { headers, timeout: false }))
}

beforeAll(async () => {
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  token = await server.logInAs('viewer')
  await server.callDroplets('GET', 'list', token)
  stream = await openStream()
  await stream.waitUntil(events => events.length > 0)
})
afterAll(async () => {
  await stream.disconnect()
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

const docker = (...args: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...args])

/** One line per event: `changed cikit41 exited`, `away`. */
function formatEvent({ event, data }: StreamEvent): string {
  const { change, state, droplet } = data as { change: string; state: string; droplet: { name: string; state: string } }
  return event === 'droplet' ? `${change} ${droplet.name} ${droplet.state}` : event === 'engine' ? state : event
}

/** Waits up to a second until the last event matches. */
async function expectNext(line: RegExp): Promise<void> {
  await stream.waitUntil(events => line.test(events.map(formatEvent).at(-1) ?? ''), 1_000)
}

test('reports a droplet that is created, stopped, started and removed elsewhere within a second', async () => {
  await docker('run', '-d', '--name', 'cikit41', '-p', '127.0.0.1:2241:22', SMALL_IMAGE)
  // The first event may come before or after the start.
  await expectNext(/^(added|changed) cikit41 running$/)
  const [{ id, ports } = {}] = await server.callDroplets('GET', 'list', token)
  expect(stream.events.at(-1)?.data).toMatchObject({ droplet: { id, ports } })
  expect(Object.keys(ports ?? {})).toEqual(['22'])
  await docker('stop', '-t', '1', 'cikit41')
  await expectNext(/^changed cikit41 exited$/)
  await docker('start', 'cikit41')
  await expectNext(/^changed cikit41 running$/)
  await docker('rm', '-f', 'cikit41')
  await expectNext(/^removed cikit41 /)
  expect(formatEvent(stream.events[1] ?? { id: undefined, event: '', data: {} })).toMatch(/^added cikit41 /)
})

test('reports nothing about other containers', async () => {
  await docker('run', '-d', '--name', 'nginx', SMALL_IMAGE)
  await docker('rm', '-f', 'nginx')
  await docker('run', '-d', '--name', 'cikit42', SMALL_IMAGE)
  await expectNext(/^(added|changed) cikit42 running$/)
  expect(JSON.stringify(stream.events)).not.toContain('nginx')
})

test('a reconnecting client receives the events that it missed', async () => {
  const lastEventId = stream.events.at(-1)?.id
  const count = stream.events.length
  await docker('stop', '-t', '1', 'cikit42')
  await docker('start', 'cikit42')
  await expectNext(/^(added|changed) cikit42 running$/)
  await using resumed = await openStream(lastEventId)
  const missed = stream.events.slice(count)
  await resumed.waitUntil(events => events.length >= missed.length)
  expect(resumed.events.slice(0, missed.length)).toEqual(missed)
})

test('reports a restart of the engine and the droplets that stopped with it', async () => {
  await engine.stop()
  await stream.waitUntil(events => events.map(formatEvent).includes('away'), 5_000)
  engine = await startEngine('host', { keep: true })
  await stream.waitUntil(events => events.map(formatEvent).includes('back'), 5_000)
  // The engine stops its containers first; those events may or may not arrive before it is gone.
  const lastDropletEvent = () =>
    stream.events
      .filter(({ event }) => event === 'droplet')
      .map(formatEvent)
      .at(-1)
  await stream.waitUntil(() => lastDropletEvent() === 'changed cikit42 exited', 1_000)
})
