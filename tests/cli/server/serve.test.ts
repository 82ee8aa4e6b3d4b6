import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { version } from '../../../src/version.ts'
import { expectedFailure, runCli, startServe } from '../../testkit/cli.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'

const args = (dataDir: string, ...more: string[]) => [
  ...['--data-dir', dataDir, '--port', '0', '--domain', 'matrix.test'],
  ...['--docker-host', `unix://${dataDir}/no.sock`, ...more],
]

test('it answers, logs one JSON object a line, and ends with 0 at SIGTERM', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path))
  const address = await server.address()
  const response = await fetch(`${address}api/v1/nowhere`)
  expect([response.status, await response.json()]).toEqual([404, { error: 'Route not found', errorId: 404 }])
  await server.waitForLog('request')
  expect(await server.stop()).toEqual({ exitCode: 0, stderr: '' })
  // The engine is none: that is told, at a moment of its own.
  const lines = server.logEntries.filter(({ message }) => message !== 'the engine is away')
  expect(lines.map(({ message }) => message)).toEqual(['listening', 'request', 'stopping', 'stopped'])
  expect(lines[0]).toMatchObject({ level: 'info', address, version, dataDir: dir.path, pid: server.pid })
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
})

test('SIGINT ends it as well', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path))
  await server.address()
  expect(await server.stop('SIGINT')).toEqual({ exitCode: 0, stderr: '' })
})

test('a second one on the same data directory is refused, naming the first; it goes on', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path))
  const address = await server.address()
  const second = await runCli(['serve', ...args(dir.path)])
  expect(second).toEqual(expectedFailure(1, new RegExp(`process ${server.pid} on ${address}.*--data-dir`)))
  expect((await fetch(address)).status).toBe(200)
})

test('after a kill -9 the next one starts', async () => {
  using dir = memoryDir()
  await using first = startServe(args(dir.path))
  await first.address()
  await first.stop('SIGKILL')
  await using second = startServe(args(dir.path))
  expect((await fetch(await second.address())).status).toBe(200)
})

test('a port in use is refused with the remedy', async () => {
  using dir = memoryDir()
  using listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const refused = await runCli(['serve', ...args(dir.path), '--port', String(listener.port)])
  expect(refused).toEqual(expectedFailure(1, new RegExp(`127.0.0.1:${listener.port}.*--port`)))
})

test('a TLS file that is missing is refused with its flag', async () => {
  using dir = memoryDir()
  const files = ['--tls-cert', join(dir.path, 'no.crt'), '--tls-key', join(dir.path, 'no.key')]
  const refused = await runCli(['serve', ...args(join(dir.path, 'data')), ...files])
  expect(refused).toEqual(expectedFailure(2, /--tls-cert .*no\.crt cannot be read.*name a readable file/))
})

test('plain HTTP on all addresses is warned of, on loopback it is not', async () => {
  using dir = memoryDir()
  await using exposed = startServe(args(join(dir.path, 'one'), '--host', '0.0.0.0'))
  expect(
    await exposed.waitForLog(
      'plain HTTP on an address that others can reach: put a TLS proxy in front, or give --tls-cert and --tls-key',
    ),
  ).toMatchObject({ level: 'warn' })
  await using local = startServe(args(join(dir.path, 'two')))
  await local.address()
  await local.stop()
  const warnings = local.logEntries.filter(({ level }) => level === 'warn').map(({ message }) => message)
  expect(warnings.filter(message => message !== 'the engine is away')).toEqual([])
})

test('variables are read, and a flag wins over its variable', async () => {
  using dir = memoryDir()
  using taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const env = { CIKIT_API_PORT: String(taken.port), CIKIT_API_DATA_DIR: dir.path, CIKIT_API_DOMAIN: 'matrix.test' }
  expect(await runCli(['serve'], env)).toEqual(expectedFailure(1, new RegExp(`127.0.0.1:${taken.port}`)))
  await using server = startServe(['--port', '0'], env)
  expect(await server.waitForLog('listening')).toMatchObject({ dataDir: dir.path })
})
