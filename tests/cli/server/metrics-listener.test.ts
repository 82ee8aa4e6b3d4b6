import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { expectedFailure, runCli, startServe } from '../../testkit/cli.ts'
import { metricNamesIn } from '../../testkit/prometheus-text.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'

const args = (dataDir: string, ...more: string[]) => [
  ...['--data-dir', dataDir, '--port', '0', '--domain', 'matrix.test'],
  ...['--docker-host', `unix://${dataDir}/no.sock`, ...more],
]

const WARNING = 'metrics use plain HTTP on an address that others can reach: restrict the port to your own network'

test('serves only GET /metrics, and only on its own listener', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path, '--metrics-listen', '0'))
  const address = String((await server.waitForLog('metrics listening')).address)
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  const response = await fetch(address)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ])
  expect(metricNamesIn(await response.text())).toContain('cikit_api_build_info')
  const statusOf = async (path: string, init?: RequestInit) => (await fetch(new URL(path, address), init)).status
  for (const path of ['/', '/metrics/', '/metrics/x', '/health', '/api/v1/user/list', '/%2fmetrics']) {
    expect([path, await statusOf(path)]).toEqual([path, 404])
  }
  for (const method of ['POST', 'DELETE', 'OPTIONS']) expect(await statusOf('/metrics', { method })).toBe(404)
  expect((await fetch(new URL('metrics', await server.address()))).status).toBe(404)
  expect(server.logEntries.filter(({ message }) => message === WARNING)).toEqual([])
  expect(await server.stop()).toEqual({ exitCode: 0, stderr: '' })
  await expect(fetch(address)).rejects.toThrow()
})

test('rejects host names that are not allowed (DNS rebinding)', async () => {
  using dir = memoryDir()
  const flags = ['--metrics-listen', '127.0.0.1:0', '--allowed-hosts', 'matrix.test']
  await using server = startServe(args(dir.path, ...flags))
  const address = String((await server.waitForLog('metrics listening')).address)
  const statusFor = async (host: string) => (await fetch(address, { headers: { host } })).status
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'matrix.test.evil']) {
    expect([host, await statusFor(host)]).toEqual([host, 421])
  }
  for (const host of ['matrix.test:9464', '10.0.0.7', '[::1]:9464', 'localhost']) {
    expect([host, await statusFor(host)]).toEqual([host, 200])
  }
})

test('warns when the address is reachable by others', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path, '--metrics-listen', '0.0.0.0:0'))
  expect(await server.waitForLog(WARNING)).toMatchObject({ level: 'warn' })
  const address = String((await server.waitForLog('metrics listening')).address)
  expect((await fetch(address, { headers: { host: 'matrix.test' } })).status).toBe(200)
})

test('rejects an address in use, names its flag, and releases everything', async () => {
  using dir = memoryDir()
  using taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const data = join(dir.path, 'data')
  const rejected = await runCli(['serve', ...args(data), '--metrics-listen', String(taken.port)])
  expect(rejected.exitCode).toBe(1)
  expect(rejected.stderr).toEqual(
    expectedFailure(1, new RegExp(`127.0.0.1:${taken.port} for metrics.*--metrics-listen`)).stderr,
  )
  await using server = startServe(args(data))
  expect(await server.address()).toStartWith('http://')
})

test('does not listen without the setting', async () => {
  using dir = memoryDir()
  await using server = startServe(args(dir.path))
  await server.address()
  await server.stop()
  expect(server.logEntries.filter(({ message }) => message === 'metrics listening')).toEqual([])
})
