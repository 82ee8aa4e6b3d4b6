import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { createFakeDocker, type FakeDocker } from '../testkit/docker/fake-docker.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { type EventStreamReader, readEventStream, type StreamEvent } from '../testkit/events/event-stream-reader.ts'
import { tempDir } from '../testkit/temp-dir.ts'
import { timed } from '../testkit/timed.ts'

// Event streams of the compiled binary over real connections.

const socket = '/nonexistent/docker.sock'

async function openStream(server: ServerProcess, token: string, lastEventId?: string): Promise<EventStreamReader> {
  const headers = { authorization: `Bearer ${token}`, ...(lastEventId && { 'last-event-id': lastEventId }) }
  // A separate connection that closes with the stream.
  const response = await fetch(`${server.url}/event/stream`, { headers, timeout: false, keepalive: false })
  const stream = readEventStream(response)
  await stream.waitUntil(events => events.length > 0)
  return stream
}

const eventNames = ({ events }: EventStreamReader) => events.map(({ event }) => event)
const openFileCount = ({ process }: ServerProcess) => readdirSync(`/proc/${process.pid}/fd`).length
const residentMegabytes = ({ process }: ServerProcess) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${process.pid}/status`, 'utf8'))?.[1]) / 1024

/** Opens a stream without ever reading from it. */
function openUnreadStream(server: ServerProcess, token: string) {
  const { hostname, port } = new URL(server.url)
  const client = connect(Number(port), hostname)
  client.on('error', () => undefined)
  client.pause()
  client.write(`GET /api/v1/event/stream HTTP/1.1\r\nHost: matrix.test\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  return client
}

/**
 * Creates a droplet with 1,000 ports, so that each start is an event of about 60 KB.
 * @returns a function that restarts it
 */
async function createBigDroplet(engine: FakeDocker) {
  const post = async (path: string, body?: unknown) => {
    const requestInit = body === undefined ? {} : { body: JSON.stringify(body) }
    return await (
      await fetch(`http://localhost/v1.41${path}`, { unix: engine.socket, method: 'POST', ...requestInit })
    ).text()
  }
  const ports = Array.from({ length: 1_000 }, (_, port) => [
    `${port + 1}/tcp`,
    [{ HostIp: '127.0.0.1', HostPort: '8' }],
  ])
  const HostConfig = { PortBindings: Object.fromEntries(ports) }
  const { Id }: { Id: string } = JSON.parse(await post('/containers/create?name=cikit30', { Labels: {}, HostConfig }))
  /** Restarts the droplet `count` times, as fast as the client receives the events. */
  return async (count: number, client: EventStreamReader): Promise<void> => {
    for (let round = 0; round < count; round++) {
      for (const action of ['start', 'stop']) {
        const eventCount = client.events.length
        await post(`/containers/${Id}/${action}`)
        await client.waitUntil(events => events.length > eventCount)
      }
    }
  }
}

describe('a client that does not read', () => {
  /** Exceeds the kernel's socket buffers by more than a megabyte. */
  const RESTARTS = 150

  test('is dropped, while others continue and memory stays bounded', async () => {
    await using engine = createFakeDocker()
    await using server = await startServerProcess({ socket: engine.socket })
    const token = await server.logInAs('viewer')
    const restart = await createBigDroplet(engine)
    await using reader = await openStream(server, token)
    await restart(5, reader)
    const [fileCount, megabytes] = [openFileCount(server), residentMegabytes(server)]
    const clients = Array.from({ length: 20 }, () => openUnreadStream(server, token))
    const openedStreams = () => server.log.filter(({ path }) => path === '/api/v1/event/stream')
    expect(await pollUntil(5_000, () => openedStreams().length === 21)).toBe(true)
    await restart(RESTARTS, reader)
    const droppedStreams = () => server.log.filter(({ message }) => String(message).startsWith('event stream dropped'))
    expect(await pollUntil(5_000, () => droppedStreams().length === 20)).toBe(true)
    // The events amount to 20 times 8 MB.
    expect(residentMegabytes(server) - megabytes).toBeLessThan(80)
    await restart(1, reader)
    expect(new Set(eventNames(reader).slice(2))).toEqual(new Set(['droplet']))
    // Connections to the engine may add a few.
    expect(await pollUntil(10_000, () => openFileCount(server) < fileCount + 10)).toBe(true)
    for (const client of clients) client.destroy()
    expect(await server.stop()).toBe(0)
    expect(await server.stderr).toBe('')
  })

  test('does not delay the stop of the server', async () => {
    await using engine = createFakeDocker()
    await using server = await startServerProcess({ socket: engine.socket })
    const token = await server.logInAs('viewer')
    const restart = await createBigDroplet(engine)
    const client = openUnreadStream(server, token)
    await using reader = await openStream(server, token)
    // The client has unread data but is not dropped yet.
    await restart(78, reader)
    const { result, ms } = await timed(server.stop())
    expect(result).toBe(0)
    expect(ms).toBeLessThan(8_000)
    client.destroy()
  })
})

test('SIGTERM ends streams at once, and clients of the next process receive a reset', async () => {
  await using server = await startServerProcess({ socket })
  const token = await server.logInAs('viewer')
  const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(server, token)))
  const { result, ms } = await timed(server.stop())
  expect(result).toBe(0)
  expect(ms).toBeLessThan(2_000)
  expect(new Set(await Promise.all(streams.map(({ closed }) => closed)))).toEqual(new Set(['ended']))
  await using restarted = await startServerProcess({ socket, dataDir: server.dataDir })
  await using stream = await openStream(restarted, token, streams[0]?.events[0]?.id)
  expect(eventNames(stream)).toEqual(['reset'])
})

describe('a host command', () => {
  test('that deletes a user ends its streams within a second', async () => {
    await using server = await startServerProcess({ socket })
    await using other = await openStream(server, await server.logInAs('owner'))
    await using ann = await openStream(server, await server.logInAs('manager', 'ann'))
    await other.waitUntil(events => JSON.stringify(events).includes('"username":"ann"'))
    await server.runCli('user', 'delete', 'ann')
    const { ms } = await timed(ann.closed)
    expect(ms).toBeLessThan(1_000)
    expect(ann.events.at(-1)).toMatchObject({ event: 'end', data: { errorId: 908 } })
    await other.waitUntil(events => events.some(({ data }) => Reflect.get(Object(data), 'change') === 'removed'))
    expect(other.events.at(-1)).toMatchObject({ event: 'user', data: { change: 'removed', user: { username: 'ann' } } })
  })

  test('that resets a user ends its streams', async () => {
    await using server = await startServerProcess({ socket })
    await using ann = await openStream(server, await server.logInAs('viewer', 'ann'))
    await server.createUser('ann', 'viewer', '-r')
    expect(await ann.closed).toBe('ended')
    expect(eventNames(ann)).toEqual(['begin', 'end'])
  })

  test('that hands over ownership changes the events of the new owner', async () => {
    await using server = await startServerProcess({ socket })
    await server.createUser('owner', 'owner')
    await using ann = await openStream(server, await server.logInAs('viewer', 'ann'))
    await server.createUser('before', 'viewer')
    await server.runCli('user', 'hand-over', 'ann')
    await server.createUser('after', 'viewer')
    const seenUsernames = () =>
      ann.events.map(({ data }) => Reflect.get(Object(Reflect.get(Object(data), 'user')), 'username'))
    await ann.waitUntil(() => seenUsernames().includes('after'))
  })
})

test('200 streams receive the same events and leave no open files', async () => {
  await using engine = createFakeDocker()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  await server.callDroplets('POST', 'add', token)
  const fileCount = openFileCount(server)
  const streams = await Promise.all(Array.from({ length: 200 }, () => openStream(server, token)))
  await server.callDroplets('PATCH', 'stop/cikit01', token)
  const isDone = ({ data }: StreamEvent) => Reflect.get(Object(data), 'state') === 'done'
  for (const stream of streams) await stream.waitUntil(events => events.some(isDone))
  // Compares from the start of the last stream on.
  const numberOf = (event: StreamEvent | undefined) => Number(event?.id?.split('-')[1])
  const latest = Math.max(...streams.map(({ events }) => numberOf(events[0])))
  const received = streams.map(({ events }) => {
    const end = events.findIndex(isDone)
    return JSON.stringify(events.filter((event, index) => index <= end && numberOf(event) > latest))
  })
  expect(new Set(received).size).toBe(1)
  expect(received[0]).toContain('"kind":"stop"')
  await Promise.all(streams.map(stream => stream.disconnect()))
  expect(await pollUntil(5_000, () => openFileCount(server) < fileCount + 10)).toBe(true)
  await server.callDroplets('PATCH', 'start/cikit01', token)
  expect(await server.stop()).toBe(0)
})

test('an idle stream stays open and sends comments', async () => {
  await using server = await startServerProcess({ socket })
  await using stream = await openStream(server, await server.logInAs('viewer'))
  await stream.waitUntil(() => stream.received.comments > 1, 40_000)
  expect(eventNames(stream)).toEqual(['begin'])
})

test('streams work over TLS with HTTP/2 and HTTP/1.1', async () => {
  using dir = tempDir()
  const [cert, key] = [join(dir.path, 'cert.pem'), join(dir.path, 'key.pem')]
  await run([
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-subj',
    '/CN=x',
  ])
  const flags = ['--host', '127.0.0.1', '--tls-cert', cert, '--tls-key', key]
  await using server = await startServerProcess({ socket, flags })
  await server.createUser('owner', 'owner')
  const token = await server.logInAs('viewer', 'ann')
  const headers = ['-H', `Authorization: Bearer ${token}`]
  const clients = ['2', '1.1'].map(version => {
    const file = join(dir.path, version)
    const curlFlags = ['-skN', `--http${version}`, '-o', file, '-w', '%{http_version}', ...headers]
    const text = () => (existsSync(file) ? readFileSync(file, 'utf8') : '')
    return { version, text, ended: run(['curl', ...curlFlags, `${server.url}/event/stream`]) }
  })
  const allReceived = (text: string) => pollUntil(5_000, () => clients.every(client => client.text().includes(text)))
  expect(await allReceived('event: begin')).toBe(true)
  await server.runCli('user', 'hand-over', 'ann')
  expect(await allReceived('"username":"ann","group":"owner"')).toBe(true)
  await server.call('DELETE', '/user/auth/revoke/ann', token)
  for (const { version, text, ended } of clients) {
    expect(await ended).toBe(version)
    expect(text()).toMatch(/^retry: 1000\n\nid: .*"errorId":908}\n\n$/s)
  }
})
