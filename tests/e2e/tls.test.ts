import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const dir = tempDir()
const cert = join(dir.path, 'cert.pem')
const key = join(dir.path, 'key.pem')
let server: ServerProcess

beforeAll(async () => {
  const subject = ['-subj', '/CN=matrix.test', '-addext', 'subjectAltName=DNS:matrix.test']
  await run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject])
  server = await startServerProcess({
    socket: '/nonexistent/docker.sock',
    flags: ['--tls-cert', cert, '--tls-key', key],
  })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

/** Sends a request with curl, which verifies the server's certificate. */
async function curl(...flags: string[]): Promise<{ version: string; status: string; body: string }> {
  const { port } = new URL(server.url)
  const name = ['--cacert', cert, '--connect-to', `matrix.test:${port}:127.0.0.1:${port}`]
  const address = `https://matrix.test:${port}/api/v1/user/list`
  const output = await run(['curl', '-s', ...name, ...flags, '-w', '\n%{http_version} %{http_code}', address])
  const [body = '', summary = ''] = output.split('\n')
  const [version = '', status = ''] = summary.split(' ')
  return { version, status, body }
}

test('TLS serves HTTP/2 and HTTP/1.1', async () => {
  const expected = { status: '401', body: '{"error":"Access token unknown or missing: log in","errorId":908}' }
  expect(await curl('--http2')).toEqual({ version: '2', ...expected })
  expect(await curl('--http1.1')).toEqual({ version: '1.1', ...expected })
})

test('listens on all addresses by default', () => {
  expect(server.log).toContainEqual(
    expect.objectContaining({ message: 'listening', address: expect.stringMatching(/^https:\/\/0\.0\.0\.0:/) }),
  )
  // The only warning is about the missing engine.
  const warnings = server.log.filter(({ level, message }) => level === 'warn' && message !== 'the engine is away')
  expect(warnings).toEqual([])
})

test('the health command works whatever name the certificate has', async () => {
  expect(await server.runCli('health')).toBe('degraded: the engine is away (check that it runs)\n')
})

test('a user logs in over TLS', async () => {
  const token = await server.logInAs('owner')
  expect((await server.call('GET', '/user/list', token)).status).toBe(200)
})
