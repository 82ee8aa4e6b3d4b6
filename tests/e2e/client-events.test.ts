import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { run } from '../../scripts/lib/run.ts'
import { refusedWith } from '../_support/cli.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { createPerson, logIn, type Person, serverOf } from '../_support/e2e/person.ts'
import { createTcpProxy } from '../_support/e2e/tcp-proxy.ts'

// `cikit-api events`, by the binary on both sides, over a real engine.

let engine: TestEngine
let matrix: Matrix
let person: Person

beforeAll(async () => {
  engine = await startEngine('host')
  matrix = await startMatrix({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
})
beforeEach(async () => {
  person = createPerson()
  await logIn(person, matrix, 'ann', 'manager')
})
afterEach(() => person[Symbol.dispose]())

const docker = (...words: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...words])
const make = (name: string) => docker('run', '-d', '--name', name, SMALL_IMAGE)

test('what others do to droplets is a line each, and a program gets it as JSON', async () => {
  const events = person.start('events')
  const json = person.start('events', '--json')
  await events.stdout.has(/^\d\d:\d\d:\d\d connected\n/)
  await json.stdout.has(/^\{"id":"[^"]+","event":"begin","data":\{\}\}\n/)
  await make('cikit41')
  await events.stdout.has(/^\d\d:\d\d:\d\d cikit41 (added|changed): Up .*\n/m)
  await docker('kill', 'cikit41')
  await events.stdout.has(/^\d\d:\d\d:\d\d cikit41 changed: Exited \(137\) .*\n/m)
  await docker('rm', 'cikit41')
  await events.stdout.has(/^\d\d:\d\d:\d\d cikit41 removed\n/m)
  const [line = ''] = await json.stdout.has(/^.*"removed".*$/m)
  expect(JSON.parse(line)).toMatchObject({
    id: expect.any(String),
    event: 'droplet',
    data: { change: 'removed', droplet: { name: 'cikit41' } },
  })
  for (const child of [events, json]) {
    child.kill('SIGINT')
    expect(await child.ended).toMatchObject({ exitCode: 130, stderr: '' })
  }
})

test('after a connection that broke it goes on where it was, and says so once', async () => {
  await using proxy = await createTcpProxy(serverOf(matrix))
  person.keep({ url: proxy.url })
  const events = person.start('events', '--json')
  await events.stdout.has(/"begin"/)
  await make('cikit42')
  await events.stdout.has(/cikit42/)
  proxy.leadTo('http://127.0.0.1:9')
  proxy.cut()
  await events.stderr.has(/connection is lost/)
  await docker('rm', '-f', 'cikit42')
  proxy.leadTo(serverOf(matrix))
  await events.stdout.has(/"removed"/)
  events.kill('SIGINT')
  const { stdout, stderr } = await events.ended
  expect(stderr).toBe('cikit-api: The connection is lost: connecting again\ncikit-api: Connected again\n')
  const told = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(told.filter(({ event }) => event === 'begin' || event === 'reset')).toHaveLength(1)
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
})

test('it ends with the session, as exit 3', async () => {
  const events = person.start('events')
  await events.stdout.has(/connected/)
  await matrix.cli('create-user', '-u', 'ann', '-g', 'manager')
  const { exitCode, stdout, stderr } = await events.ended
  expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: refusedWith(3, /Your session at .* has ended/).stderr })
  expect(stdout).toMatch(/ the end: .*\n$/)
})

test('an access token that expires meanwhile is exchanged by itself, and the stream goes on', async () => {
  const before = person.session()
  const events = person.start('events')
  await events.stdout.has(/connected/)
  person.keep({ accessExpiresAt: 0 })
  await make('cikit43')
  await events.stdout.has(/cikit43/)
  const after = person.session()
  expect(after.refreshToken).not.toBe(before.refreshToken)
  expect(after.accessExpiresAt).toBeGreaterThan(Date.now())
  await docker('rm', '-f', 'cikit43')
  await events.stdout.has(/cikit43 removed/)
  events.kill('SIGINT')
  expect(await events.ended).toMatchObject({ exitCode: 130, stderr: '' })
})

test('who does not read on any more ends it without a complaint', async () => {
  const events = person.startInShell('events | head -1')
  await events.stdout.has(/connected/)
  await make('cikit44')
  await docker('rm', '-f', 'cikit44')
  expect(await events.ended).toMatchObject({ exitCode: 0, stderr: '' })
})
