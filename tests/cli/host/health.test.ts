import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectedFailure, runCli, startServe } from '../../testkit/cli.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'
import { timed } from '../../testkit/timed.ts'

const health = (dataDir: string, ...args: string[]) => runCli(['health', '--data-dir', dataDir, ...args])

/** A server that this data directory seems to belong to. */
function createFakeServer(dataDir: string, handler: () => Response | Promise<Response>) {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: handler })
  writeFileSync(join(dataDir, 'serve.json'), JSON.stringify({ pid: 1, address: String(server.url) }))
  return { url: String(server.url), [Symbol.dispose]: () => void server.stop(true) }
}

test.each(['127.0.0.1', '0.0.0.0', '::'])('finds and queries a server that listens on %s', async host => {
  using dir = memoryDir()
  const flags = ['--data-dir', dir.path, '--port', '0', '--domain', 'matrix.test', '--host', host]
  // --allowed-hosts does not affect requests from the host.
  await using server = startServe([
    ...flags,
    '--docker-host',
    `unix://${dir.path}/no.sock`,
    '--allowed-hosts',
    'matrix.test',
  ])
  await server.address()
  const text = 'degraded: the engine is away (check that it runs)\n'
  expect(await health(dir.path)).toEqual({ exitCode: 0, stdout: text, stderr: '' })
  const json = '{"status":"degraded","engine":"away","store":"ok"}\n'
  expect(await health(dir.path, '--json')).toEqual({ exitCode: 0, stdout: json, stderr: '' })
  await server.stop('SIGKILL')
  expect(await health(dir.path)).toEqual(expectedFailure(1, /No server runs for.*start cikit-api serve/))
})

test('names the data directory if no server runs', async () => {
  using dir = memoryDir()
  expect(await health(dir.path)).toEqual(
    expectedFailure(1, new RegExp(`No server runs for ${dir.path}: start .*--data-dir`)),
  )
})

test.each([
  ['ok', { status: 'ok', engine: 'ok', store: 'ok' }, 'ok\n'],
  [
    'degraded',
    { status: 'degraded', engine: 'away', store: 'read-only' },
    'degraded: the engine is away (check that it runs), the store cannot be written (check that its disk has space)\n',
  ],
])('reports a server that is %s in one line, with exit code 0', async (_, body, stdout) => {
  using dir = memoryDir()
  using __ = createFakeServer(dir.path, () => Response.json(body))
  expect(await health(dir.path)).toEqual({ exitCode: 0, stdout, stderr: '' })
})

test('reports a failed server with exit code 1, also with --json', async () => {
  using dir = memoryDir()
  const body = { status: 'failed', engine: 'ok', store: 'unusable' }
  using _ = createFakeServer(dir.path, () => Response.json(body, { status: 503 }))
  const failure = expectedFailure(1, 'failed: the store cannot be used (see the log)')
  expect(await health(dir.path)).toEqual(failure)
  expect(await health(dir.path, '--json')).toEqual({ ...failure, stdout: `${JSON.stringify(body)}\n` })
})

test.each<[string, () => Response]>([
  ['a page', () => new Response('<h1>It works!</h1>')],
  ['other JSON', () => Response.json({ status: 'green' })],
  ['a redirect', () => Response.redirect('http://127.0.0.1:1/health')],
])('rejects %s, which cikit-api does not send', async (_, response) => {
  using dir = memoryDir()
  using server = createFakeServer(dir.path, response)
  expect(await health(dir.path)).toEqual(expectedFailure(1, new RegExp(`${server.url} answered \\d+, but not as`)))
})

test('gives up on a silent server within 3 seconds', async () => {
  using dir = memoryDir()
  using _ = createFakeServer(dir.path, () => new Promise<Response>(() => undefined))
  const { result, ms } = await timed(health(dir.path))
  expect(result).toEqual(expectedFailure(1, /does not answer/))
  expect(ms).toBeLessThan(3_000)
})

test('--url queries another server, and rejects an invalid address', async () => {
  using dir = memoryDir()
  using other = memoryDir()
  using server = createFakeServer(other.path, () => Response.json({ status: 'ok', engine: 'ok', store: 'ok' }))
  expect(await health(dir.path, '--url', server.url)).toEqual({ exitCode: 0, stdout: 'ok\n', stderr: '' })
  expect(await health(dir.path, '--url', 'matrix')).toEqual(expectedFailure(2, /--url "matrix".*http:\/\//))
})
