import { afterAll, beforeAll, expect, test } from 'bun:test'
import { run, until } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type ListedDroplet, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'

// What others do to droplets, with Docker's own command line, as a client of the API sees it.

let engine: TestEngine
let matrix: Matrix
let token: string

beforeAll(async () => {
  engine = await startEngine('host')
  matrix = await startMatrix({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  token = await matrix.signIn('owner')
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
})

const docker = (...words: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...words])
const list = () => matrix.droplets('GET', 'list', token)
const make = (name: string, ...words: string[]) => docker('run', '-d', '--name', name, ...words, SMALL_IMAGE)

/** Resolves when the list is so; fails when that takes longer than 100 ms. */
async function soon(holds: (droplets: ListedDroplet[]) => boolean): Promise<void> {
  expect(await until(100, async () => holds(await list()))).toBe(true)
}
const stateOf = (droplets: ListedDroplet[], name: string) => droplets.find(droplet => droplet.name === name)?.state

test('a droplet that is made, stopped, started, paused, killed, renamed and removed elsewhere is listed so within 100 ms', async () => {
  await make('cikit41', '-p', '127.0.0.1:2241:22')
  await soon(droplets => stateOf(droplets, 'cikit41') === 'running')
  expect((await list())[0]?.ports).toEqual({ '22': { type: 'tcp', from: { ip: '127.0.0.1', port: 2241 } } })
  await docker('pause', 'cikit41')
  await soon(droplets => stateOf(droplets, 'cikit41') === 'paused')
  await docker('unpause', 'cikit41')
  await soon(droplets => stateOf(droplets, 'cikit41') === 'running')
  await docker('kill', 'cikit41')
  await soon(droplets => droplets[0]?.status.startsWith('Exited (137)') === true)
  expect((await list())[0]?.ports).toEqual({})
  await docker('start', 'cikit41')
  await soon(droplets => stateOf(droplets, 'cikit41') === 'running')
  await docker('rename', 'cikit41', 'somebody-elses')
  await soon(droplets => droplets.length === 0)
  await docker('rename', 'somebody-elses', 'cikit42')
  await soon(droplets => stateOf(droplets, 'cikit42') === 'running')
  await docker('rm', '-f', 'cikit42')
  await soon(droplets => droplets.length === 0)
})

test('other containers come and go unseen', async () => {
  await make('nginx')
  await docker('create', '--name', 'cikit00', SMALL_IMAGE)
  expect(await list()).toEqual([])
  await docker('rm', '-f', 'nginx', 'cikit00')
})

test('created and status read as docker ps prints them, in every state, for as long as one looks', async () => {
  await make('cikit51')
  await make('cikit52')
  await docker('pause', 'cikit52')
  await make('cikit53')
  await docker('kill', 'cikit53')
  await docker('create', '--name', 'cikit54', SMALL_IMAGE)
  await docker('run', '-d', '--name', 'cikit55', '--health-cmd', 'true', '--health-interval', '1s', SMALL_IMAGE)
  await docker('run', '--name', 'cikit56', SMALL_IMAGE, '/bin/busybox', 'sh', '-c', 'exit 3').catch(() => undefined)
  const printed = async () => {
    const lines = await docker('ps', '-a', '--format', '{{.Names}}|{{.RunningFor}}|{{.Status}}')
    return lines
      .trim()
      .split('\n')
      .map(line => line.split('|'))
  }
  const ends = performance.now() + 4_000
  while (performance.now() < ends) {
    const before = await printed()
    const ours = (await list()).map(({ name, created, status }) => [name, created, status])
    const after = await printed()
    expect(ours).toHaveLength(6)
    // Time passes between them, and each counts seconds of its own: what we say is what one of the two says.
    for (const [at, words] of ours.entries()) {
      for (const [field, word] of words.entries()) expect([before[at]?.[field], after[at]?.[field]]).toContain(word)
    }
  }
})

test('what happened while the engine was restarted is made good', async () => {
  await docker('rm', '-f', 'cikit51')
  await engine.stop()
  engine = await startEngine('host', { keep: true })
  const names = async () => (await list().catch(() => [])).map(({ name }) => name).toSorted()
  expect(await until(5_000, async () => (await names()).length === 5)).toBe(true)
  expect(await names()).toEqual(['cikit52', 'cikit53', 'cikit54', 'cikit55', 'cikit56'])
  expect((await list()).filter(({ state }) => state === 'running')).toEqual([])
})
