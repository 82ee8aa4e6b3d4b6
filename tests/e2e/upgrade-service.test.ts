import { afterAll, beforeAll, expect, test } from 'bun:test'
import { run } from '../../scripts/lib/run.ts'
import { startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { buildRelease } from '../testkit/e2e/releases.ts'
import { currentCode } from '../testkit/e2e/server-process.ts'
import { type SystemdHost, startSystemdHost } from '../testkit/e2e/systemd-host.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// Upgrades an installed service to the next release, and rolls it back.

/** The allowed time without a response during an upgrade. */
const DOWNTIME_MS = 1_000
const builds = tempDir()
let engine: TestEngine
let host: SystemdHost
let accessToken: string

beforeAll(async () => {
  const laterMigration = 'CREATE TABLE later (text TEXT)'
  const releases = [
    await buildRelease(builds.path, '1.0.0'),
    await buildRelease(builds.path, '2.0.0', [laterMigration]),
    // Fails in its last migration.
    await buildRelease(builds.path, '3.0.0', [
      laterMigration,
      'CREATE TABLE last (text TEXT)',
      'INSERT INTO nowhere VALUES (1)',
    ]),
  ]
  engine = await startEngine('host')
  host = await startSystemdHost(engine)
  const docker = ['docker', '-H', `unix://${engine.socket}`]
  for (const release of releases) await run([...docker, 'cp', release, 'systemd-host:/opt/'])
  await host.createSocketGroup()
  await host.exec('/opt/cikit-api-1.0.0', 'install', '--host', '0.0.0.0')
  const created: { secret: string } = JSON.parse(
    await host.exec('cikit-api', 'create-user', '-u', 'ann', '-g', 'owner', '--json'),
  )
  const code = await currentCode(created.secret)
  const { body } = await call('POST', '/user/auth', { username: 'ann', code })
  accessToken = (body as { access_token: string }).access_token
})
afterAll(async () => {
  await engine.removeContainers()
  await engine.stop()
  builds[Symbol.dispose]()
})

async function call(method: string, path: string, json?: unknown) {
  const response = await fetch(`http://${host.address}:1337/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(accessToken && { authorization: `Bearer ${accessToken}` }) },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    signal: AbortSignal.timeout(5_000),
  })
  return { status: response.status, body: await response.json() }
}

const version = async () => (await host.exec('cikit-api', '--version')).trim()

/**
 * Polls the server every few milliseconds during an action.
 * @returns the longest time without a response, in milliseconds
 */
async function longestGap(action: () => Promise<unknown>): Promise<number> {
  let isDone = false
  let longest = 0
  const polling = (async () => {
    let lastResponse = performance.now()
    while (!isDone) {
      const isSuccessful = await call('GET', '/user/list').then(
        ({ status }) => status === 200,
        () => false,
      )
      if (isSuccessful) {
        longest = Math.max(longest, performance.now() - lastResponse)
        lastResponse = performance.now()
      }
      await Bun.sleep(2)
    }
    longest = Math.max(longest, performance.now() - lastResponse)
  })()
  await action()
  isDone = true
  await polling
  return longest
}

async function upgrade(release: string) {
  const sum = (await host.exec('sha256sum', `/opt/cikit-api-${release}`)).slice(0, 64)
  return await host.tryExec('cikit-api', 'upgrade', '--from', `/opt/cikit-api-${release}`, '--sha256', sum)
}

test('an upgrade restarts the service, keeps sessions and interrupts it for less than a second', async () => {
  const results: Awaited<ReturnType<typeof upgrade>>[] = []
  const gap = await longestGap(async () => results.push(await upgrade('2.0.0')))
  expect(results).toEqual([
    {
      exitCode: 0,
      stderr: '',
      stdout: expect.stringMatching(/^Replaced .*\nStarted .*\nMigrated the data after copying it to /),
    },
  ])
  expect(await version()).toBe('2.0.0')
  process.stdout.write(`upgrade: ${Math.round(gap)} ms without a response\n`)
  expect(gap).toBeLessThan(DOWNTIME_MS)
})

test('a release that fails to start is rolled back with its data, and sessions survive', async () => {
  const { exitCode, stderr } = await upgrade('3.0.0')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /^cikit-api: 3\.0\.0 did not start: .*no such table: nowhere.*\. 2\.0\.0 was restored, with its data \(that of 3\.0\.0 is in \S+\) and runs on http:\S+\n$/,
  )
  expect(await version()).toBe('2.0.0')
  expect(await call('GET', '/user/list')).toMatchObject({ status: 200, body: [{ username: 'ann' }] })
})

test('a rollback serves the earlier data with the previous version', async () => {
  await call('POST', '/user/add', { username: 'bob', group: 'viewer' })
  const { exitCode, stdout } = await host.tryExec('cikit-api', 'upgrade', '--rollback', '--yes')
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/\nStarted .*\n$/) })
  expect(await version()).toBe('1.0.0')
  expect((await call('GET', '/user/list')).status).toBe(401)
  expect(await host.exec('cikit-api', 'user', 'list')).not.toContain('bob')
  expect((await host.exec('stat', '-c', '%U', '/var/lib/cikit-api/cikit-api.db')).trim()).toBe('cikit-api')
})
