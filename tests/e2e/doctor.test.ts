import { afterAll, beforeAll, expect, test } from 'bun:test'
import { binary } from '../../scripts/lib/paths.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

let engine: TestEngine
let server: ServerProcess

beforeAll(async () => {
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  await server.callDroplets('POST', 'add', await server.logInAs('owner'))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine.stop()
})

async function doctor(...args: string[]) {
  const locationFlags = [
    '--data-dir',
    server.dataDir,
    '--domain',
    'matrix.test',
    '--docker-host',
    `unix://${engine.socket}`,
  ]
  const child = Bun.spawn([binary, 'doctor', ...locationFlags, '--image', SMALL_IMAGE, ...args], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { stdout, stderr, exitCode }
}

test('reports no problem with a running server and droplet', async () => {
  const { stdout, stderr, exitCode } = await doctor()
  expect(stdout).toMatch(/^ok +engine +Docker [\d.]+.* with cgroup v[12] at .*, with 1 droplet$/m)
  expect(stdout).toMatch(/^ok +ports +22NN, 80NN and 443NN are free or used by droplets$/m)
  expect(stdout).toEndWith('\n\nAll checks passed.\n')
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
})

test('reports a port that is in use as a warning, not a failure', async () => {
  using _ = Bun.listen({ hostname: '127.0.0.1', port: 8042, socket: { data() {} } })
  const { stdout, exitCode } = await doctor()
  expect(stdout).toMatch(/^warning +ports +other programs listen on 8042: new droplets skip these numbers/m)
  expect(stdout).toEndWith('\n\n0 failures, 1 warning.\n')
  expect(exitCode).toBe(0)
})

test('reports a failure beside the other results and exits with 1', async () => {
  const { stdout, exitCode } = await doctor('--docker-host', 'unix:///nowhere.sock', '--json')
  const findings: { check: string; status: string; text: string }[] = JSON.parse(stdout)
  expect(findings.filter(({ status }) => status !== 'ok')).toEqual([
    {
      check: 'engine',
      status: 'failed',
      text: '/nowhere.sock does not answer (no such socket): start Docker, give this user access to its socket, or set --docker-host',
    },
  ])
  expect(findings.length).toBeGreaterThan(5)
  expect(exitCode).toBe(1)
})
