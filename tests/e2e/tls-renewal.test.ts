import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type TLSSocket } from 'node:tls'
import { binary } from '../../scripts/lib/paths.ts'
import { certificateFiles, makePair, type Pair } from '../_support/certificates.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { eventually } from '../_support/live.ts'
import { tempDir } from '../_support/temp-dir.ts'

/** Where the kernel hands connections that are half made to the server that comes after, as the README advises. */
const MIGRATION = '/proc/sys/net/ipv4/tcp_migrate_req'

const dir = tempDir()
const files = certificateFiles(dir.path)
const migration = readFileSync(MIGRATION, 'utf8')
let pairs: Pair[]
let matrix: Matrix
let port: number

beforeAll(async () => {
  writeFileSync(MIGRATION, '1')
  pairs = await Promise.all(['one.test', 'two.test', 'three.test'].map(name => makePair(name)))
  files.put(pair(0))
  matrix = await startMatrix({ socket: '/nonexistent/docker.sock', flags: files.flags })
  port = Number(new URL(matrix.url).port)
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
  writeFileSync(MIGRATION, migration)
})

function pair(index: number): Pair {
  const found = pairs[index]
  if (!found) throw new Error(`no pair ${index}`)
  return found
}

/** A connection, and the name in the certificate that it was given. */
async function open(): Promise<{ socket: TLSSocket; name: string }> {
  const opened = Promise.withResolvers<void>()
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, opened.resolve)
  socket.once('error', opened.reject)
  await opened.promise
  return { socket, name: String(socket.getPeerCertificate().subject.CN) }
}

async function nameNow(): Promise<string> {
  const { socket, name } = await open()
  socket.destroy()
  return name
}

/** One request on a connection that is open, by HTTP/1.1. */
async function ask(socket: TLSSocket, more = ''): Promise<string> {
  const answered = Promise.withResolvers<string>()
  let text = ''
  const heard = (chunk: Buffer) => {
    text += chunk
    if (text.includes('"errorId":908}')) answered.resolve(text)
  }
  const broken = () => answered.reject(new Error(`the connection ended after ${JSON.stringify(text)}`))
  socket.on('data', heard).once('close', broken).once('error', answered.reject)
  socket.write(`GET /api/v1/user/list HTTP/1.1\r\nHost: matrix.test\r\n${more}\r\n`)
  try {
    return await answered.promise
  } finally {
    socket.off('data', heard).off('close', broken).off('error', answered.reject)
  }
}

const timesLogged = (message: string) => matrix.log.filter(entry => entry.message === message).length

async function hangUp(): Promise<void> {
  const all = () => ['another certificate is in use', 'the new certificate cannot be used, and the old one stays']
  const before = all().map(timesLogged)
  matrix.process.kill('SIGHUP')
  await eventually(async () => all().some((message, at) => timesLogged(message) > (before[at] ?? 0)))
}

test('SIGHUP takes the new certificate into use, and no request is lost of those that come all the time', async () => {
  const answers = new Set<string>()
  let goOn = true
  const clients = Array.from({ length: 8 }, async () => {
    while (goOn) {
      const { socket, name } = await open()
      answers.add((await ask(socket, 'Connection: close\r\n')).split('\r\n')[0] ?? '')
      socket.destroy()
      answers.add(name)
    }
  })
  for (const next of [1, 0, 1, 0, 1, 0, 1]) {
    files.put(pair(next))
    await hangUp()
  }
  expect(await nameNow()).toBe('two.test')
  goOn = false
  await Promise.all(clients)
  expect([...answers].sort()).toEqual(['HTTP/1.1 401 Unauthorized', 'one.test', 'two.test'])
}, 60_000)

test('a stream that is open goes on, and tells what happens', async () => {
  const token = await matrix.signIn('owner')
  const stream = await fetch(`${matrix.url}/event/stream`, {
    headers: { authorization: `Bearer ${token}` },
    tls: { rejectUnauthorized: false },
  })
  files.put(pair(0))
  await hangUp()
  expect(await nameNow()).toBe('one.test')
  await matrix.addUser(token, 'ann')
  let text = ''
  for await (const chunk of stream.body ?? []) {
    text += Buffer.from(chunk).toString()
    if (text.includes('"username":"ann"')) break
  }
  expect(text).toContain('event: user')
})

test('files that change are enough, without a signal', async () => {
  files.put(pair(2))
  await eventually(async () => (await nameNow()) === 'three.test')
}, 60_000)

test('a broken one is refused, and the old one stays in use', async () => {
  files.put({ cert: pair(0).cert, key: pair(1).key })
  await hangUp()
  expect(matrix.log).toContainEqual(
    expect.objectContaining({
      level: 'error',
      message: 'the new certificate cannot be used, and the old one stays',
      error: expect.stringMatching(/is not the key of the certificate/),
      names: 'DNS:three.test',
    }),
  )
  expect(await nameNow()).toBe('three.test')
  files.put(pair(2))
})

test('a second serve at the same port is refused, although the port can be shared', async () => {
  using other = tempDir()
  const flags = ['--data-dir', other.path, '--domain', 'matrix.test', '--port', String(port), ...files.flags]
  const second = Bun.spawn([binary, 'serve', ...flags], { stdout: 'pipe', stderr: 'pipe' })
  expect(await second.stderr.text()).toMatch(new RegExp(`^cikit-api: Cannot listen on 0.0.0.0:${port} .*--port`))
  expect(await second.exited).toBe(1)
})

test('SIGTERM ends it, whoever is still connected since an earlier certificate', async () => {
  const { socket } = await open()
  files.put(pair(0))
  await hangUp()
  expect(await matrix.stop()).toBe(0)
  socket.destroy()
}, 8_000)

test('without a certificate SIGHUP is heard, and changes nothing', async () => {
  await using plain = await startMatrix({ socket: '/nonexistent/docker.sock' })
  plain.process.kill('SIGHUP')
  await eventually(async () => plain.log.some(({ message }) => String(message).startsWith('there is nothing to read')))
  expect((await plain.call('GET', '/user/list')).status).toBe(401)
})
