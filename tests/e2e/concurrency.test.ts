import { afterAll, beforeAll, expect, test } from 'bun:test'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import {
  type ApiResponse,
  type CreatedUser,
  currentCode,
  type ServerProcess,
  startServerProcess,
} from '../testkit/e2e/server-process.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// Concurrent requests and commands on one data directory.

let server: ServerProcess
let token: string

beforeAll(async () => {
  server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  token = await server.logInAs('owner')
})
afterAll(() => server[Symbol.asyncDispose]())

const runConcurrently = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)))

/** Runs a command on the data directory of the running server. */
async function runCommand(...args: string[]) {
  const child = Bun.spawn([binary, ...args, '--data-dir', server.dataDir], { stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exitCode, output: stdout + stderr }
}

const errorIdOf = ({ body }: ApiResponse) => (body as { errorId: number }).errorId
const usernames = async () =>
  ((await server.call('GET', '/user/list', token)).body as CreatedUser[]).map(({ username }) => username)

const refresh = (refresh_token: string) =>
  server.call('POST', '/user/auth/refresh', undefined, { grant_type: 'refresh_token', refresh_token })

test('exactly one of 100 concurrent logins with one code succeeds', async () => {
  const { secret } = await server.createUser('ada', 'viewer')
  const json = { username: 'ada', code: await currentCode(secret) }
  const responses = await runConcurrently(100, () => server.call('POST', '/user/auth', undefined, json))
  expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
  const rejected = responses.filter(({ status }) => status !== 200).map(errorIdOf)
  // The fifth wrong code locks the login.
  expect(rejected.filter(id => id === 902)).toHaveLength(5)
  expect(rejected.filter(id => id === 915)).toHaveLength(94)
  const sessions = await server.call('GET', '/user/sessions/ada', token)
  expect(sessions.body).toHaveLength(1)
  await server.runCli('user', 'unlock', 'ada')
})

test('one of 50 concurrent refreshes with one token succeeds, and the others end only that session', async () => {
  const bob = await server.createUser('bob', 'viewer')
  const stolen = await server.logIn(bob)
  const responses = await runConcurrently(50, () => refresh(stolen.refresh_token))
  const [success, ...others] = responses.filter(({ status }) => status === 200)
  expect(others).toEqual([])
  for (const rejected of responses.filter(({ status }) => status !== 200))
    expect([910, 915]).toContain(errorIdOf(rejected))
  // The new pair may be in the wrong hands, so it is invalid as well (RFC 9700 section 4.14.2).
  const tokens = success?.body as typeof stolen
  expect(errorIdOf(await server.call('GET', '/droplet/list', tokens.access_token))).toBe(908)
  await server.runCli('user', 'unlock', 'bob')
  expect(errorIdOf(await refresh(tokens.refresh_token))).toBe(910)
  expect((await server.call('GET', '/user/sessions/bob', token)).body).toEqual([])
  expect((await server.call('GET', '/user/list', token)).status).toBe(200)
})

test('exactly one of 20 processes creates the owner in a new data directory', async () => {
  using dir = tempDir()
  const dataDir = `${dir.path}/data`
  const created = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      run([binary, 'create-user', '-u', `owner-${index}`, '-g', 'owner', '--json', '--data-dir', dataDir]),
    ),
  )
  const [owner, ...others] = created.flatMap(result =>
    result.status === 'fulfilled' ? [JSON.parse(result.value)] : [],
  )
  expect(others).toEqual([])
  for (const result of created) {
    if (result.status === 'rejected') expect(String(result.reason)).toContain('There is already an owner')
  }
  const listed: CreatedUser[] = JSON.parse(await run([binary, 'user', 'list', '--json', '--data-dir', dataDir]))
  expect(listed).toMatchObject([{ username: owner.username, group: 'owner' }])
  // The secret works: all processes used one encryption key, whichever created it.
  await using restarted = await startServerProcess({ socket: '/nonexistent/docker.sock', dataDir })
  expect(await restarted.logIn(owner)).toMatchObject({ access_token: expect.any(String) })
})

test('20 concurrent adds of one name in different cases create one user', async () => {
  const spellings = ['carol', 'Carol', 'CAROL', 'cArOl']
  const responses = await runConcurrently(20, index =>
    server.call('POST', '/user/add', token, { username: spellings[index % spellings.length], group: 'viewer' }),
  )
  expect(responses.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(19).fill(400)])
  expect(responses.filter(({ status }) => status === 400).every(response => errorIdOf(response) === 914)).toBe(true)
  expect((await usernames()).filter(name => name.toLowerCase() === 'carol')).toHaveLength(1)
})

test('ten processes and ten requests that create one name concurrently create one user with one secret', async () => {
  const [created, responses] = await Promise.all([
    runConcurrently(10, () => server.createUser('dave', 'viewer')),
    runConcurrently(10, () => server.call('POST', '/user/add', token, { username: 'dave', group: 'viewer' })),
  ])
  expect(new Set(created.map(({ secret }) => secret)).size).toBe(1)
  expect(responses.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
  for (const rejected of responses.filter(({ status }) => status !== 200)) expect(errorIdOf(rejected)).toBe(914)
  expect((await usernames()).filter(name => name === 'dave')).toEqual(['dave'])
})

test('20 concurrent commands beside refreshes, lists and adds never fail because of a busy store', async () => {
  const eve = await server.createUser('eve', 'viewer')
  let tokens = await server.logIn(eve)
  for (const index of [3, 7, 11, 15, 19]) {
    await server.call('POST', '/user/add', token, { username: `heidi-${index}`, group: 'viewer' })
  }
  let done = false
  const repeat = async (work: () => Promise<void>) => {
    let count = 0
    for (; !done; count++) await work()
    return count
  }
  const backgroundLoad = Promise.all([
    repeat(async () => {
      const response = await refresh(tokens.refresh_token)
      expect(response.status).toBe(200)
      tokens = response.body as typeof tokens
    }),
    repeat(async () => expect((await server.call('GET', '/user/list', token)).status).toBe(200)),
    repeat(async () => {
      const added = await server.call('POST', '/user/add', token, { username: 'frank', group: 'viewer' })
      expect(added.status).toBe(200)
      expect((await server.call('DELETE', '/user/delete/frank', token)).status).toBe(200)
    }),
  ])

  const commandResults = await runConcurrently(20, index => {
    if (index % 4 === 0) return runCommand('user', 'list')
    if (index % 4 === 1) return runCommand('user', 'unlock', 'eve')
    if (index % 4 === 2) return runCommand('create-user', '-u', `grace-${index}`, '-g', 'manager')
    return runCommand('user', 'delete', `heidi-${index}`)
  }).finally(() => {
    done = true
  })
  for (const roundCount of await backgroundLoad) expect(roundCount).toBeGreaterThan(0)

  expect(commandResults.filter(({ exitCode }) => exitCode !== 0)).toEqual([])
  expect((await usernames()).filter(name => /^(grace|heidi)/.test(name)).toSorted()).toEqual(
    [2, 6, 10, 14, 18].map(index => `grace-${index}`).toSorted(),
  )
  const lines = [
    ...commandResults.flatMap(({ output }) => output.split('\n')),
    ...server.log.map(entry => JSON.stringify(entry)),
  ]
  expect(lines.filter(line => /SQLITE_|database is/.test(line))).toEqual([])
  // The only expected warning is about the missing engine.
  const problems = server.log.filter(({ level, message }) => level !== 'info' && message !== 'the engine is away')
  expect(problems).toEqual([])
})
