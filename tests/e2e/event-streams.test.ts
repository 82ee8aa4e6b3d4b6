import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { run, until } from '../../scripts/lib/run.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { type Followed, followEvents, type SentEvent } from '../_support/events.ts'
import { createFakeEngine, type FakeEngine } from '../_support/fake-engine.ts'
import { tempDir } from '../_support/temp-dir.ts'
import { timed } from '../_support/timed.ts'

// Streams of events of the compiled binary, over real connections.

const socket = '/nonexistent/docker.sock'

async function follow(matrix: Matrix, token: string, lastEventId?: string): Promise<Followed> {
  const headers = { authorization: `Bearer ${token}`, ...(lastEventId && { 'last-event-id': lastEventId }) }
  // A connection of its own, which ends with it.
  const response = await fetch(`${matrix.url}/event/stream`, { headers, timeout: false, keepalive: false })
  const stream = followEvents(response)
  await stream.until(events => events.length > 0)
  return stream
}

const names = ({ events }: Followed) => events.map(({ event }) => event)
const openFiles = ({ process }: Matrix) => readdirSync(`/proc/${process.pid}/fd`).length
const residentMegabytes = ({ process }: Matrix) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${process.pid}/status`, 'utf8'))?.[1]) / 1024

/** A client that asks for a stream and reads nothing of it. */
function neverRead(matrix: Matrix, token: string) {
  const { hostname, port } = new URL(matrix.url)
  const client = connect(Number(port), hostname)
  client.on('error', () => undefined)
  client.pause()
  client.write(`GET /api/v1/event/stream HTTP/1.1\r\nHost: matrix.test\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  return client
}

/** A droplet with so many ports that each start of it is an event of some 60 KB. */
async function createBigDroplet(engine: FakeEngine) {
  const ask = async (path: string, body?: unknown) => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    return await (await fetch(`http://localhost/v1.41${path}`, { unix: engine.socket, method: 'POST', ...sent })).text()
  }
  const ports = Array.from({ length: 1_000 }, (_, port) => [
    `${port + 1}/tcp`,
    [{ HostIp: '127.0.0.1', HostPort: '8' }],
  ])
  const HostConfig = { PortBindings: Object.fromEntries(ports) }
  const { Id } = JSON.parse(await ask('/containers/create?name=cikit30', { Labels: {}, HostConfig }))
  /** Starts and stops it so often, as fast as one client takes it. */
  return async (times: number, client: Followed): Promise<void> => {
    for (let time = 0; time < times; time++) {
      for (const action of ['start', 'stop']) {
        const seen = client.events.length
        await ask(`/containers/${Id}/${action}`)
        await client.until(events => events.length > seen)
      }
    }
  }
}

describe('a client that does not read', () => {
  /** More than the kernel takes for a connection, and a megabyte. */
  const TIMES = 150

  test('is dropped, while others go on and the memory stays small', async () => {
    await using engine = createFakeEngine()
    await using matrix = await startMatrix({ socket: engine.socket })
    const token = await matrix.signIn('viewer')
    const restart = await createBigDroplet(engine)
    await using reading = await follow(matrix, token)
    await restart(5, reading)
    const [files, megabytes] = [openFiles(matrix), residentMegabytes(matrix)]
    const clients = Array.from({ length: 20 }, () => neverRead(matrix, token))
    const opened = () => matrix.log.filter(({ path }) => path === '/api/v1/event/stream')
    expect(await until(5_000, () => opened().length === 21)).toBe(true)
    await restart(TIMES, reading)
    const dropped = () => matrix.log.filter(({ message }) => String(message).startsWith('event stream dropped'))
    expect(await until(5_000, () => dropped().length === 20)).toBe(true)
    // Of 20 times 8 MB.
    expect(residentMegabytes(matrix) - megabytes).toBeLessThan(80)
    await restart(1, reading)
    expect(new Set(names(reading).slice(2))).toEqual(new Set(['droplet']))
    // Some may be open to the engine.
    expect(await until(10_000, () => openFiles(matrix) < files + 10)).toBe(true)
    for (const client of clients) client.destroy()
    expect(await matrix.stop()).toBe(0)
    expect(await matrix.complaints).toBe('')
  })

  test('does not hold up the end of the server', async () => {
    await using engine = createFakeEngine()
    await using matrix = await startMatrix({ socket: engine.socket })
    const token = await matrix.signIn('viewer')
    const restart = await createBigDroplet(engine)
    const client = neverRead(matrix, token)
    await using reading = await follow(matrix, token)
    // It waits, but is not dropped yet.
    await restart(78, reading)
    const { answer, ms } = await timed(matrix.stop())
    expect(answer).toBe(0)
    expect(ms).toBeLessThan(8_000)
    client.destroy()
  })
})

test('at SIGTERM streams end at once, and who comes back to the next process is told to read anew', async () => {
  await using matrix = await startMatrix({ socket })
  const token = await matrix.signIn('viewer')
  const streams = await Promise.all(Array.from({ length: 20 }, () => follow(matrix, token)))
  const { answer, ms } = await timed(matrix.stop())
  expect(answer).toBe(0)
  expect(ms).toBeLessThan(2_000)
  expect(new Set(await Promise.all(streams.map(({ over }) => over)))).toEqual(new Set(['ended']))
  await using again = await startMatrix({ socket, dataDir: matrix.dataDir })
  await using stream = await follow(again, token, streams[0]?.events[0]?.id)
  expect(names(stream)).toEqual(['reset'])
})

describe('what is done on the host', () => {
  test('ends the streams of a user that is deleted, within a second', async () => {
    await using matrix = await startMatrix({ socket })
    await using other = await follow(matrix, await matrix.signIn('owner'))
    await using ann = await follow(matrix, await matrix.signIn('manager', 'ann'))
    await other.until(events => JSON.stringify(events).includes('"username":"ann"'))
    await matrix.cli('user', 'delete', 'ann')
    const { ms } = await timed(ann.over)
    expect(ms).toBeLessThan(1_000)
    expect(ann.events.at(-1)).toMatchObject({ event: 'end', data: { errorId: 908 } })
    await other.until(events => events.some(({ data }) => Reflect.get(Object(data), 'change') === 'removed'))
    expect(other.events.at(-1)).toMatchObject({ event: 'user', data: { change: 'removed', user: { username: 'ann' } } })
  })

  test('ends those of a user whose login is made anew', async () => {
    await using matrix = await startMatrix({ socket })
    await using ann = await follow(matrix, await matrix.signIn('viewer', 'ann'))
    await matrix.createUser('ann', 'viewer', '-r')
    expect(await ann.over).toBe('ended')
    expect(names(ann)).toEqual(['begin', 'end'])
  })

  test('changes what a new owner sees', async () => {
    await using matrix = await startMatrix({ socket })
    await matrix.createUser('owner', 'owner')
    await using ann = await follow(matrix, await matrix.signIn('viewer', 'ann'))
    await matrix.createUser('before', 'viewer')
    await matrix.cli('user', 'hand-over', 'ann')
    await matrix.createUser('after', 'viewer')
    const told = () => ann.events.map(({ data }) => Reflect.get(Object(Reflect.get(Object(data), 'user')), 'username'))
    await ann.until(() => told().includes('after'))
  })
})

test('200 streams at once are told the same, and leave nothing behind', async () => {
  await using engine = createFakeEngine()
  await using matrix = await startMatrix({ socket: engine.socket })
  const token = await matrix.signIn('manager')
  await matrix.droplets('POST', 'add', token)
  const files = openFiles(matrix)
  const streams = await Promise.all(Array.from({ length: 200 }, () => follow(matrix, token)))
  await matrix.droplets('PATCH', 'stop/cikit01', token)
  const isDone = ({ data }: SentEvent) => Reflect.get(Object(data), 'state') === 'done'
  for (const stream of streams) await stream.until(events => events.some(isDone))
  // From where the last of them began on.
  const numberOf = (event: SentEvent | undefined) => Number(event?.id?.split('-')[1])
  const latest = Math.max(...streams.map(({ events }) => numberOf(events[0])))
  const told = streams.map(({ events }) => {
    const end = events.findIndex(isDone)
    return JSON.stringify(events.filter((event, index) => index <= end && numberOf(event) > latest))
  })
  expect(new Set(told).size).toBe(1)
  expect(told[0]).toContain('"kind":"stop"')
  await Promise.all(streams.map(stream => stream.hangUp()))
  expect(await until(5_000, () => openFiles(matrix) < files + 10)).toBe(true)
  await matrix.droplets('PATCH', 'start/cikit01', token)
  expect(await matrix.stop()).toBe(0)
})

test('a stream on which nothing happens lives on, and shows it', async () => {
  await using matrix = await startMatrix({ socket })
  await using stream = await follow(matrix, await matrix.signIn('viewer'))
  await stream.until(() => stream.heard.comments > 1, 40_000)
  expect(names(stream)).toEqual(['begin'])
})

test('over TLS it is the same, with HTTP/2 and HTTP/1.1', async () => {
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
  await using matrix = await startMatrix({ socket, flags })
  await matrix.createUser('owner', 'owner')
  const token = await matrix.signIn('viewer', 'ann')
  const headers = ['-H', `Authorization: Bearer ${token}`]
  const clients = ['2', '1.1'].map(version => {
    const file = join(dir.path, version)
    const flags = ['-skN', `--http${version}`, '-o', file, '-w', '%{http_version}', ...headers]
    const text = () => (existsSync(file) ? readFileSync(file, 'utf8') : '')
    return { version, text, ended: run(['curl', ...flags, `${matrix.url}/event/stream`]) }
  })
  const told = (text: string) => until(5_000, () => clients.every(client => client.text().includes(text)))
  expect(await told('event: begin')).toBe(true)
  await matrix.cli('user', 'hand-over', 'ann')
  expect(await told('"username":"ann","group":"owner"')).toBe(true)
  await matrix.call('DELETE', '/user/auth/revoke/ann', token)
  for (const { version, text, ended } of clients) {
    expect(await ended).toBe(version)
    expect(text()).toMatch(/^retry: 1000\n\nid: .*"errorId":908}\n\n$/s)
  }
})
