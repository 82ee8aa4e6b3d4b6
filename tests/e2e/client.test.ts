import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectedFailure } from '../testkit/cli.ts'
import { createFakeDocker, type FakeDocker } from '../testkit/docker/fake-docker.ts'
import { addDroplet, createCliUser, logIn, originOf } from '../testkit/e2e/cli-user.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { fileMode } from '../testkit/file-modes.ts'

// The client commands, with the binary as client and server.

let engine: FakeDocker
let server: ServerProcess

beforeAll(async () => {
  engine = createFakeDocker()
  server = await startServerProcess({ socket: engine.socket })
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
})

const origin = () => originOf(server)

const rowsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .slice(1)
    .map(row => row.split(/ {2,}/))

test('log in, add, list, stop, start, restart, remove, log out', async () => {
  using cliUser = createCliUser()
  expect(await logIn(cliUser, server, 'ann', 'manager')).toEqual({
    exitCode: 0,
    stdout: `Logged in to ${origin()} as ann\n`,
    stderr: '',
  })
  expect(fileMode(cliUser.sessionFile)).toBe('600')
  const added = await cliUser.run('droplet', 'add')
  const [row] = rowsOf(added.stdout)
  const [name = ''] = row ?? []
  expect({ ...added, row }).toMatchObject({ exitCode: 0, stderr: '' })
  expect(row?.at(-1)).toBe(`22${name.slice(-2)}`)
  const states: (string | undefined)[] = []
  for (const change of ['stop', 'start', 'restart']) {
    const [changed] = rowsOf((await cliUser.run('droplet', change, name)).stdout)
    states.push(changed?.[1]?.split(' ')[0])
  }
  expect(states).toEqual(['Exited', 'Up', 'Up'])
  expect(rowsOf((await cliUser.run('droplet', 'ls')).stdout).map(([first]) => first)).toContain(name)
  const removed = await cliUser.run('droplet', 'rm', name, '--json')
  expect(removed).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse(removed.stdout).map((droplet: { name: string }) => droplet.name)).not.toContain(name)

  const { accessToken } = cliUser.readSession()
  expect(await cliUser.run('logout')).toEqual({ exitCode: 0, stdout: 'Logged out\n', stderr: '' })
  expect(existsSync(cliUser.sessionFile)).toBe(false)
  expect((await server.call('GET', '/droplet/list', accessToken)).status).toBe(401)
})

test('login and logout print JSON with --json', async () => {
  using cliUser = createCliUser()
  const { stdout } = await logIn(cliUser, server, 'ann', 'manager', '--json')
  expect(JSON.parse(stdout)).toEqual({ url: origin(), username: 'ann' })
  expect(await cliUser.run('logout', '--json')).toEqual({ exitCode: 0, stdout: '{}\n', stderr: '' })
})

test('rm prints the name of the removed droplet', async () => {
  using cliUser = createCliUser()
  await logIn(cliUser, server, 'ann', 'manager')
  const droplet = await addDroplet(cliUser)
  expect(await cliUser.run('droplet', 'rm', droplet.name)).toEqual({
    exitCode: 0,
    stdout: `Deleted ${droplet.name}\n`,
    stderr: '',
  })
})

test('the user’s public keys are installed beside the droplet’s own', async () => {
  using cliUser = createCliUser()
  await logIn(cliUser, server, 'ann', 'manager')
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIbtjyO8tqhXrH0rhMbWjXwMhv7fJZIsuxj9sR0MZ7Yy ann@laptop'
  writeFileSync(join(cliUser.home, 'laptop.pub'), `${key}\n`)
  engine.requests.length = 0
  const { exitCode } = await cliUser.run('droplet', 'add', '--ssh-keys', join(cliUser.home, 'laptop.pub'))
  expect(exitCode).toBe(0)
  const archive = engine.requests.find(({ method }) => method === 'PUT')?.body ?? ''
  expect(archive.match(/ssh-ed25519 [^\n]+/g)).toEqual([expect.stringMatching(/ cikit\d\d$/), key])
})

test('refreshes an expired access token and stores the new tokens', async () => {
  using cliUser = createCliUser()
  await logIn(cliUser, server, 'vic', 'viewer')
  const before = cliUser.readSession()
  cliUser.patchSession({ accessExpiresAt: Date.now() })
  expect((await cliUser.run('droplet', 'ls')).exitCode).toBe(0)
  const after = cliUser.readSession()
  expect(after.accessToken).not.toBe(before.accessToken)
  expect(after.refreshToken).not.toBe(before.refreshToken)
  expect((await cliUser.run('droplet', 'ls')).exitCode).toBe(0)
  expect(cliUser.readSession()).toEqual(after)
})

test('ten concurrent commands refresh an expired access token once and all succeed', async () => {
  using cliUser = createCliUser()
  await logIn(cliUser, server, 'vic', 'viewer')
  cliUser.patchSession({ accessExpiresAt: 0 })
  const runs = await Promise.all(Array.from({ length: 10 }, () => cliUser.run('droplet', 'ls', '--json')))
  expect(runs.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(Array(10).fill([0, '']))
  expect((await cliUser.run('droplet', 'ls')).exitCode).toBe(0)
})

describe('exit codes for scripts', () => {
  test('1 for a request that the server rejects, with its message', async () => {
    using cliUser = createCliUser()
    await logIn(cliUser, server, 'vic', 'viewer')
    expect(await cliUser.run('droplet', 'add')).toEqual(expectedFailure(1, 'Your group may not do this'))
    expect(await cliUser.run('login', origin(), '-u', 'vic', '--code', '000000')).toEqual(
      expectedFailure(1, /Wrong username or code/),
    )
  })

  test('2 for an invalid command line', async () => {
    using cliUser = createCliUser()
    expect(await cliUser.run('login', 'matrix.example')).toEqual(expectedFailure(2, /is not a server address/))
    expect(await cliUser.run('login', origin())).toEqual(expectedFailure(2, /not a terminal: give -u NAME/))
    const privateKey = join(cliUser.home, 'id')
    writeFileSync(privateKey, '-----BEGIN OPENSSH PRIVATE KEY-----\n')
    expect(await cliUser.run('droplet', 'add', '--ssh-keys', privateKey)).toEqual(
      expectedFailure(2, /is a private key/),
    )
  })

  test('3 without a session, or with one that has ended', async () => {
    using cliUser = createCliUser()
    expect(await cliUser.run('droplet', 'ls')).toEqual(
      expectedFailure(3, 'You are not logged in: run cikit-api login URL'),
    )
    await logIn(cliUser, server, 'vic', 'viewer')
    await server.runCli('create-user', '-u', 'vic', '-g', 'viewer')
    expect(await cliUser.run('droplet', 'ls')).toEqual(expectedFailure(3, /Your session at .* has ended/))
  })

  test('4 for an unreachable server', async () => {
    using cliUser = createCliUser()
    await logIn(cliUser, server, 'vic', 'viewer')
    cliUser.patchSession({ url: 'http://127.0.0.1:9' })
    expect(await cliUser.run('droplet', 'ls')).toEqual(expectedFailure(4, /http:\/\/127\.0\.0\.1:9 cannot be reached/))
  })
})

test('ssh connects to the droplet’s port and passes the command', async () => {
  using cliUser = createCliUser()
  await logIn(cliUser, server, 'ann', 'manager')
  const droplet = await addDroplet(cliUser)
  await Bun.write(join(cliUser.home, 'bin/ssh'), '#!/bin/sh\necho "$@"\nexit 7\n')
  Bun.spawnSync(['chmod', '+x', join(cliUser.home, 'bin/ssh')])
  expect(await cliUser.run('droplet', 'ssh', droplet.name, '--', 'uname', '-a')).toEqual({
    exitCode: 7,
    stdout: `-p ${droplet.ports['22']?.from.port} root@127.0.0.1 uname -a\n`,
    stderr: '',
  })
  expect(await cliUser.run('droplet', 'ssh', 'cikit98')).toEqual(
    expectedFailure(1, /There is no running droplet cikit98/),
  )
})

test('rejects a redirecting or foreign server without sending it a token', async () => {
  using cliUser = createCliUser()
  await logIn(cliUser, server, 'vic', 'viewer')
  const authorizationHeaders: (string | null)[] = []
  await using elsewhere = Bun.serve({
    port: 0,
    fetch(request) {
      authorizationHeaders.push(request.headers.get('authorization'))
      return new Response('<h1>hello</h1>')
    },
  })
  await using proxy = Bun.serve({ port: 0, fetch: () => Response.redirect(`${elsewhere.url}api`, 307) })
  for (const { url } of [proxy, elsewhere]) {
    cliUser.patchSession({ url: url.origin })
    const { exitCode, stderr } = await cliUser.run('droplet', 'ls')
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('but not as cikit-api') })
  }
  expect(authorizationHeaders).toHaveLength(1)
})
