import { afterAll, beforeAll, expect, test } from 'bun:test'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ListedDroplet, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// Changes made with Docker's command line appear in the list of droplets.

let engine: TestEngine
let server: ServerProcess
let token: string

beforeAll(async () => {
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  token = await server.logInAs('owner')
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

const docker = (...args: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...args])
const list = () => server.callDroplets('GET', 'list', token)
const startContainer = (name: string, ...args: string[]) => docker('run', '-d', '--name', name, ...args, SMALL_IMAGE)

/** Expects that the list meets the condition within 100 ms. */
async function expectSoon(condition: (droplets: ListedDroplet[]) => boolean): Promise<void> {
  expect(await pollUntil(100, async () => condition(await list()))).toBe(true)
}
const stateOf = (droplets: ListedDroplet[], name: string) => droplets.find(droplet => droplet.name === name)?.state

test('lists a droplet that is created, stopped, started, paused, killed, renamed and removed elsewhere within 100 ms', async () => {
  await startContainer('cikit41', '-p', '127.0.0.1:2241:22')
  await expectSoon(droplets => stateOf(droplets, 'cikit41') === 'running')
  expect((await list())[0]?.ports).toEqual({ '22': { type: 'tcp', from: { ip: '127.0.0.1', port: 2241 } } })
  await docker('pause', 'cikit41')
  await expectSoon(droplets => stateOf(droplets, 'cikit41') === 'paused')
  await docker('unpause', 'cikit41')
  await expectSoon(droplets => stateOf(droplets, 'cikit41') === 'running')
  await docker('kill', 'cikit41')
  await expectSoon(droplets => droplets[0]?.status.startsWith('Exited (137)') === true)
  expect((await list())[0]?.ports).toEqual({})
  await docker('start', 'cikit41')
  await expectSoon(droplets => stateOf(droplets, 'cikit41') === 'running')
  await docker('rename', 'cikit41', 'other-name')
  await expectSoon(droplets => droplets.length === 0)
  await docker('rename', 'other-name', 'cikit42')
  await expectSoon(droplets => stateOf(droplets, 'cikit42') === 'running')
  await docker('rm', '-f', 'cikit42')
  await expectSoon(droplets => droplets.length === 0)
})

test('does not list other containers', async () => {
  await startContainer('nginx')
  await docker('create', '--name', 'cikit00', SMALL_IMAGE)
  expect(await list()).toEqual([])
  await docker('rm', '-f', 'nginx', 'cikit00')
})

test('created and status match the output of docker ps in every state', async () => {
  await startContainer('cikit51')
  await startContainer('cikit52')
  await docker('pause', 'cikit52')
  await startContainer('cikit53')
  await docker('kill', 'cikit53')
  await docker('create', '--name', 'cikit54', SMALL_IMAGE)
  await docker('run', '-d', '--name', 'cikit55', '--health-cmd', 'true', '--health-interval', '1s', SMALL_IMAGE)
  await docker('run', '--name', 'cikit56', SMALL_IMAGE, '/bin/busybox', 'sh', '-c', 'exit 3').catch(() => undefined)
  const listByDocker = async () => {
    const lines = await docker('ps', '-a', '--format', '{{.Names}}|{{.RunningFor}}|{{.Status}}')
    return lines
      .trim()
      .split('\n')
      .map(line => line.split('|'))
  }
  const deadline = performance.now() + 4_000
  while (performance.now() < deadline) {
    const before = await listByDocker()
    const listed = (await list()).map(({ name, created, status }) => [name, created, status])
    const after = await listByDocker()
    expect(listed).toHaveLength(6)
    // Time passes between the calls, so each text must match one of the two outputs.
    for (const [index, columns] of listed.entries()) {
      for (const [column, text] of columns.entries())
        expect([before[index]?.[column], after[index]?.[column]]).toContain(text)
    }
  }
})

test('catches up with changes made while the engine restarted', async () => {
  await docker('rm', '-f', 'cikit51')
  await engine.stop()
  engine = await startEngine('host', { keep: true })
  const names = async () => (await list().catch(() => [])).map(({ name }) => name).toSorted()
  expect(await pollUntil(5_000, async () => (await names()).length === 5)).toBe(true)
  expect(await names()).toEqual(['cikit52', 'cikit53', 'cikit54', 'cikit55', 'cikit56'])
  expect((await list()).filter(({ state }) => state === 'running')).toEqual([])
})
