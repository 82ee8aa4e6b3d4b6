import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { version } from '../../../src/version.ts'
import { expectedFailure, runCli, startServe } from '../../testkit/cli.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'

const args = (dataDir: string, ...more: string[]) => [
  ...['--data-dir', dataDir, '--port', '0', '--domain', 'matrix.test'],
  ...['--docker-host', `unix://${dataDir}/no.sock`, ...more],
]

test('answers, logs one JSON object per line, and exits with 0 on SIGTERM', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path))
  const address = await server.address()
  const response = await fetch(`${address}api/v1/nowhere`)
  expect([response.status, await response.json()]).toEqual([404, { error: 'Route not found', errorId: 404 }])
  await server.waitForLog('request')
  expect(await server.stop()).toEqual({ exitCode: 0, stderr: '' })
  // There is no engine here; that is logged at an unpredictable time.
  const lines = server.logEntries.filter(({ message }) => message !== 'the engine is away')
  expect(lines.map(({ message }) => message)).toEqual(['listening', 'request', 'stopping', 'stopped'])
  expect(lines[0]).toMatchObject({ level: 'info', address, version, dataDir: dir.path, pid: server.pid })
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
})

test('exits with 0 on SIGINT', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path))
  await server.address()
  expect(await server.stop('SIGINT')).toEqual({ exitCode: 0, stderr: '' })
})

test('rejects a second server for the same data directory and names the first', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path))
  const address = await server.address()
  const second = await runCli(['serve', ...args(dir.path)])
  expect(second).toEqual(expectedFailure(1, new RegExp(`process ${server.pid} on ${address}.*--data-dir`)))
  expect((await fetch(address)).status).toBe(200)
})

test('starts after the previous server was killed', async () => {
  using dir = memoryDir()
  await using first = startServe(args(dir.path))
  await first.address()
  await first.stop('SIGKILL')
  await using second = startServe(args(dir.path))
  expect((await fetch(await second.address())).status).toBe(200)
})

test('rejects a port in use and names the remedy', async () => {
  using dir = memoryDir()
  using listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const rejected = await runCli(['serve', ...args(dir.path), '--port', String(listener.port)])
  expect(rejected).toEqual(expectedFailure(1, new RegExp(`127.0.0.1:${listener.port}.*--port`)))
})

test('rejects a missing TLS file and names its flag', async () => {
  using dir = memoryDir()
  const files = ['--tls-cert', join(dir.path, 'no.crt'), '--tls-key', join(dir.path, 'no.key')]
  const rejected = await runCli(['serve', ...args(join(dir.path, 'data')), ...files])
  expect(rejected).toEqual(expectedFailure(2, /--tls-cert .*no\.crt cannot be read.*name a readable file/))
})

test('warns about plain HTTP on all addresses, but not on loopback', async () => {
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

test('reads variables, and prefers a flag to its variable', async () => {
  using dir = memoryDir()
  using taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const env = { CIKIT_API_PORT: String(taken.port), CIKIT_API_DATA_DIR: dir.path, CIKIT_API_DOMAIN: 'matrix.test' }
  expect(await runCli(['serve'], env)).toEqual(expectedFailure(1, new RegExp(`127.0.0.1:${taken.port}`)))
  await using server = startServe(['--port', '0'], env)
  expect(await server.waitForLog('listening')).toMatchObject({ dataDir: dir.path })
})
