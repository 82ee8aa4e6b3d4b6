import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { run } from '../../scripts/lib/run.ts'
import { expectedFailure } from '../testkit/cli.ts'
import { type CliUser, createCliUser, logIn, originOf } from '../testkit/e2e/cli-user.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { createTcpProxy } from '../testkit/e2e/tcp-proxy.ts'

// `cikit-api events` with the binary as client and server, and a real engine.

let engine: TestEngine
let server: ServerProcess
let cliUser: CliUser

beforeAll(async () => {
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})
beforeEach(async () => {
  cliUser = createCliUser()
  await logIn(cliUser, server, 'ann', 'manager')
})
afterEach(() => cliUser[Symbol.dispose]())

const docker = (...args: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...args])
const startContainer = (name: string) => docker('run', '-d', '--name', name, SMALL_IMAGE)

test('prints a line per change, or JSON with --json', async () => {
  const events = cliUser.start('events')
  const json = cliUser.start('events', '--json')
  await events.stdout.waitFor(/^\d\d:\d\d:\d\d connected\n/)
  await json.stdout.waitFor(/^\{"id":"[^"]+","event":"begin","data":\{\}\}\n/)
  await startContainer('cikit41')
  await events.stdout.waitFor(/^\d\d:\d\d:\d\d cikit41 (added|changed): Up .*\n/m)
  await docker('kill', 'cikit41')
  await events.stdout.waitFor(/^\d\d:\d\d:\d\d cikit41 changed: Exited \(137\) .*\n/m)
  await docker('rm', 'cikit41')
  await events.stdout.waitFor(/^\d\d:\d\d:\d\d cikit41 removed\n/m)
  const [line = ''] = await json.stdout.waitFor(/^.*"removed".*$/m)
  expect(JSON.parse(line)).toMatchObject({
    id: expect.any(String),
    event: 'droplet',
    data: { change: 'removed', droplet: { name: 'cikit41' } },
  })
  for (const child of [events, json]) {
    child.kill('SIGINT')
    expect(await child.result).toMatchObject({ exitCode: 130, stderr: '' })
  }
})

test('resumes after a lost connection and reports it once', async () => {
  await using proxy = await createTcpProxy(originOf(server))
  cliUser.patchSession({ url: proxy.url })
  const events = cliUser.start('events', '--json')
  await events.stdout.waitFor(/"begin"/)
  await startContainer('cikit42')
  await events.stdout.waitFor(/cikit42/)
  proxy.redirectTo('http://127.0.0.1:9')
  proxy.dropConnections()
  await events.stderr.waitFor(/connection lost/)
  await docker('rm', '-f', 'cikit42')
  proxy.redirectTo(originOf(server))
  await events.stdout.waitFor(/"removed"/)
  events.kill('SIGINT')
  const { stdout, stderr } = await events.result
  expect(stderr).toBe('cikit-api: connection lost, reconnecting\ncikit-api: reconnected\n')
  const receivedEvents = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(receivedEvents.filter(({ event }) => event === 'begin' || event === 'reset')).toHaveLength(1)
  expect(new Set(receivedEvents.map(({ id }) => id)).size).toBe(receivedEvents.length)
})

test('exits with 3 when the session ends', async () => {
  const events = cliUser.start('events')
  await events.stdout.waitFor(/connected/)
  await server.runCli('create-user', '-u', 'ann', '-g', 'manager')
  const { exitCode, stdout, stderr } = await events.result
  expect({ exitCode, stderr }).toEqual({
    exitCode: 3,
    stderr: expectedFailure(3, /Your session at .* has ended/).stderr,
  })
  expect(stdout).toMatch(/ stream ended: .*\n$/)
})

test('refreshes an expired access token and keeps streaming', async () => {
  const before = cliUser.readSession()
  const events = cliUser.start('events')
  await events.stdout.waitFor(/connected/)
  cliUser.patchSession({ accessExpiresAt: 0 })
  await startContainer('cikit43')
  await events.stdout.waitFor(/cikit43/)
  const after = cliUser.readSession()
  expect(after.refreshToken).not.toBe(before.refreshToken)
  expect(after.accessExpiresAt).toBeGreaterThan(Date.now())
  await docker('rm', '-f', 'cikit43')
  await events.stdout.waitFor(/cikit43 removed/)
  events.kill('SIGINT')
  expect(await events.result).toMatchObject({ exitCode: 130, stderr: '' })
})

test('exits without an error when the reader of its output closes the pipe', async () => {
  const events = cliUser.startInShell('events | head -1')
  await events.stdout.waitFor(/connected/)
  await startContainer('cikit44')
  await docker('rm', '-f', 'cikit44')
  expect(await events.result).toMatchObject({ exitCode: 0, stderr: '' })
})
