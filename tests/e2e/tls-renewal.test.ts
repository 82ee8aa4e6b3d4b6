import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type TLSSocket } from 'node:tls'
import { binary } from '../../scripts/lib/paths.ts'
import { timedOut, withTimeout } from '../../src/core/timeout.ts'
import { type CertificatePair, certificateFiles, createCertificate } from '../testkit/certificates.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { readEventStream } from '../testkit/events/event-stream-reader.ts'
import { tempDir } from '../testkit/temp-dir.ts'
import { waitUntil } from '../testkit/wait-until.ts'

/** Lets the kernel hand half-open connections to the next listener, as the docs advise. */
const MIGRATION_SETTING = '/proc/sys/net/ipv4/tcp_migrate_req'
/** For a TLS handshake or a response. */
const ANSWER_TIMEOUT_MS = 20_000

const dir = tempDir()
const files = certificateFiles(dir.path)
const migration = readFileSync(MIGRATION_SETTING, 'utf8')
let pairs: CertificatePair[]
let server: ServerProcess
let port: number

beforeAll(async () => {
  writeFileSync(MIGRATION_SETTING, '1')
  pairs = await Promise.all(['one.test', 'two.test', 'three.test'].map(name => createCertificate(name)))
  files.install(pairAt(0))
  server = await startServerProcess({ socket: '/nonexistent/docker.sock', flags: files.flags })
  port = Number(new URL(server.url).port)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
  writeFileSync(MIGRATION_SETTING, migration)
})

function pairAt(index: number): CertificatePair {
  const match = pairs[index]
  if (!match) throw new Error(`no pair ${index}`)
  return match
}

/** Opens a connection. @returns it with the name in the server's certificate */
async function openConnection(): Promise<{ socket: TLSSocket; name: string }> {
  const opened = Promise.withResolvers<void>()
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, opened.resolve)
  socket.once('error', opened.reject)
  if ((await withTimeout(opened.promise, ANSWER_TIMEOUT_MS)) === timedOut) throw new Error('no TLS handshake in time')
  return { socket, name: String(socket.getPeerCertificate().subject.CN) }
}

async function currentName(): Promise<string> {
  const { socket, name } = await openConnection()
  socket.destroy()
  return name
}

/** Sends an HTTP/1.1 request on an open connection. */
async function sendRequest(socket: TLSSocket, extraHeaders = ''): Promise<string> {
  const response = Promise.withResolvers<string>()
  let text = ''
  const onData = (chunk: Buffer) => {
    text += chunk
    if (text.includes('"errorId":908}')) response.resolve(text)
  }
  const onClose = () => response.reject(new Error(`the connection ended after ${JSON.stringify(text)}`))
  socket.on('data', onData).once('close', onClose).once('error', response.reject)
  socket.write(`GET /api/v1/user/list HTTP/1.1\r\nHost: matrix.test\r\n${extraHeaders}\r\n`)
  try {
    const result = await withTimeout(response.promise, ANSWER_TIMEOUT_MS)
    if (result === timedOut) throw new Error(`no complete response in time: ${JSON.stringify(text)}`)
    return result
  } finally {
    socket.off('data', onData).off('close', onClose).off('error', response.reject)
  }
}

const logCount = (message: string) => server.log.filter(entry => entry.message === message).length

async function sendSighup(): Promise<void> {
  const outcomes = () => [
    'a new certificate is in use',
    'the new certificate cannot be used; the current one stays in use',
  ]
  const before = outcomes().map(logCount)
  server.process.kill('SIGHUP')
  const isReloaded = () => outcomes().some((message, index) => logCount(message) > (before[index] ?? 0))
  await waitUntil(isReloaded, { what: 'the outcome of SIGHUP in the log' })
}

test('SIGHUP activates the new certificate without losing requests', async () => {
  const outcomes = new Set<string>()
  let isRunning = true
  const clients = Array.from({ length: 8 }, async () => {
    while (isRunning) {
      const { socket, name } = await openConnection()
      outcomes.add((await sendRequest(socket, 'Connection: close\r\n')).split('\r\n')[0] ?? '')
      socket.destroy()
      outcomes.add(name)
    }
  })
  for (const index of [1, 0, 1, 0, 1, 0, 1]) {
    files.install(pairAt(index))
    await sendSighup()
  }
  expect(await currentName()).toBe('two.test')
  isRunning = false
  await Promise.all(clients)
  expect([...outcomes].sort()).toEqual(['HTTP/1.1 401 Unauthorized', 'one.test', 'two.test'])
}, 60_000)

test('an open event stream survives the renewal', async () => {
  const token = await server.logInAs('owner')
  await using stream = readEventStream(
    await fetch(`${server.url}/event/stream`, {
      headers: { authorization: `Bearer ${token}` },
      tls: { rejectUnauthorized: false },
    }),
  )
  files.install(pairAt(0))
  await sendSighup()
  expect(await currentName()).toBe('one.test')
  await server.addUser(token, 'ann')
  await stream.waitUntil(events =>
    events.some(({ event, data }) => event === 'user' && JSON.stringify(data).includes('"username":"ann"')),
  )
})

test('changed files are noticed without a signal', async () => {
  files.install(pairAt(2))
  const isRenewed = async () => (await currentName()) === 'three.test'
  await waitUntil(isRenewed, { timeoutMs: 50_000, what: 'the new certificate' })
}, 60_000)

test('rejects a broken certificate and keeps the old one', async () => {
  files.install({ cert: pairAt(0).cert, key: pairAt(1).key })
  await sendSighup()
  expect(server.log).toContainEqual(
    expect.objectContaining({
      level: 'error',
      message: 'the new certificate cannot be used; the current one stays in use',
      error: expect.stringMatching(/is not the key of the certificate/),
      names: 'DNS:three.test',
    }),
  )
  expect(await currentName()).toBe('three.test')
  files.install(pairAt(2))
})

test('rejects a second serve on the same port, although the port is shared', async () => {
  using other = tempDir()
  const flags = ['--data-dir', other.path, '--domain', 'matrix.test', '--port', String(port), ...files.flags]
  const second = Bun.spawn([binary, 'serve', ...flags], { stdout: 'pipe', stderr: 'pipe' })
  expect(await second.stderr.text()).toMatch(new RegExp(`^cikit-api: Cannot listen on 0.0.0.0:${port} .*--port`))
  expect(await second.exited).toBe(1)
})

test('SIGTERM stops the server despite connections with an earlier certificate', async () => {
  const { socket } = await openConnection()
  files.install(pairAt(0))
  await sendSighup()
  expect(await server.stop()).toBe(0)
  socket.destroy()
}, 8_000)

test('SIGHUP without a certificate changes nothing', async () => {
  await using plain = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  plain.process.kill('SIGHUP')
  const isHandled = () => plain.log.some(({ message }) => String(message).startsWith('nothing to reload'))
  await waitUntil(isHandled, { what: 'SIGHUP in the log' })
  expect((await plain.call('GET', '/user/list')).status).toBe(401)
})
