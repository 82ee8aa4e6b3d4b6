import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { refusedWith } from '../_support/cli.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { createPerson, logIn, serverOf } from '../_support/e2e/person.ts'
import { createFakeEngine, type FakeEngine } from '../_support/fake-engine.ts'
import { modeOf } from '../_support/modes.ts'

// The client commands of the binary, against the binary.

let engine: FakeEngine
let matrix: Matrix

beforeAll(async () => {
  engine = createFakeEngine()
  matrix = await startMatrix({ socket: engine.socket })
})

afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
})

const server = () => serverOf(matrix)

const rowsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .slice(1)
    .map(row => row.split(/ {2,}/))

test('log in, add, list, stop, start, restart, remove, log out', async () => {
  using person = createPerson()
  expect(await logIn(person, matrix, 'ann', 'manager')).toEqual({
    exitCode: 0,
    stdout: `Logged in to ${server()} as ann\n`,
    stderr: '',
  })
  expect(modeOf(person.sessionFile)).toBe('600')
  const added = await person.run('droplet', 'add')
  const [row] = rowsOf(added.stdout)
  const [name = ''] = row ?? []
  expect({ ...added, row }).toMatchObject({ exitCode: 0, stderr: '' })
  expect(row?.at(-1)).toBe(`22${name.slice(-2)}`)
  const states: (string | undefined)[] = []
  for (const change of ['stop', 'start', 'restart']) {
    const [changed] = rowsOf((await person.run('droplet', change, name)).stdout)
    states.push(changed?.[1]?.split(' ')[0])
  }
  expect(states).toEqual(['Exited', 'Up', 'Up'])
  expect(rowsOf((await person.run('droplet', 'ls')).stdout).map(([first]) => first)).toContain(name)
  const removed = await person.run('droplet', 'rm', name, '--json')
  expect(removed).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse(removed.stdout).map((droplet: { name: string }) => droplet.name)).not.toContain(name)

  const { accessToken } = person.session()
  expect(await person.run('logout')).toEqual({ exitCode: 0, stdout: 'Logged out\n', stderr: '' })
  expect(existsSync(person.sessionFile)).toBe(false)
  expect((await matrix.call('GET', '/droplet/list', accessToken)).status).toBe(401)
})

test('login and logout tell programs what they did', async () => {
  using person = createPerson()
  const { stdout } = await logIn(person, matrix, 'ann', 'manager', '--json')
  expect(JSON.parse(stdout)).toEqual({ url: server(), username: 'ann' })
  expect(await person.run('logout', '--json')).toEqual({ exitCode: 0, stdout: '{}\n', stderr: '' })
})

test('what was removed is said', async () => {
  using person = createPerson()
  await logIn(person, matrix, 'ann', 'manager')
  const [droplet] = JSON.parse((await person.run('droplet', 'add', '--json')).stdout)
  expect(await person.run('droplet', 'rm', droplet.name)).toEqual({
    exitCode: 0,
    stdout: `Deleted ${droplet.name}\n`,
    stderr: '',
  })
})

test('the public keys of the person are laid in beside the droplet’s own', async () => {
  using person = createPerson()
  await logIn(person, matrix, 'ann', 'manager')
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIbtjyO8tqhXrH0rhMbWjXwMhv7fJZIsuxj9sR0MZ7Yy ann@laptop'
  writeFileSync(join(person.home, 'laptop.pub'), `${key}\n`)
  engine.requests.length = 0
  const { exitCode } = await person.run('droplet', 'add', '--ssh-keys', join(person.home, 'laptop.pub'))
  expect(exitCode).toBe(0)
  const archive = engine.requests.find(({ method }) => method === 'PUT')?.body ?? ''
  expect(archive.match(/ssh-ed25519 [^\n]+/g)).toEqual([expect.stringMatching(/ cikit\d\d$/), key])
})

test('an access token that expires is exchanged by itself, and kept', async () => {
  using person = createPerson()
  await logIn(person, matrix, 'vic', 'viewer')
  const before = person.session()
  person.keep({ accessExpiresAt: Date.now() })
  expect((await person.run('droplet', 'ls')).exitCode).toBe(0)
  const after = person.session()
  expect(after.accessToken).not.toBe(before.accessToken)
  expect(after.refreshToken).not.toBe(before.refreshToken)
  expect((await person.run('droplet', 'ls')).exitCode).toBe(0)
  expect(person.session()).toEqual(after)
})

test('ten commands at once with an expired access token refresh it once, and all succeed', async () => {
  using person = createPerson()
  await logIn(person, matrix, 'vic', 'viewer')
  person.keep({ accessExpiresAt: 0 })
  const runs = await Promise.all(Array.from({ length: 10 }, () => person.run('droplet', 'ls', '--json')))
  expect(runs.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(Array(10).fill([0, '']))
  expect((await person.run('droplet', 'ls')).exitCode).toBe(0)
})

describe('exit codes for scripts', () => {
  test('1 for what the server refuses, in its words', async () => {
    using person = createPerson()
    await logIn(person, matrix, 'vic', 'viewer')
    expect(await person.run('droplet', 'add')).toEqual(refusedWith(1, 'Your group may not do this'))
    expect(await person.run('login', server(), '-u', 'vic', '--code', '000000')).toEqual(
      refusedWith(1, /Wrong username or code/),
    )
  })

  test('2 for what is wrong on the command line', async () => {
    using person = createPerson()
    expect(await person.run('login', 'matrix.example')).toEqual(refusedWith(2, /is no address of a server/))
    expect(await person.run('login', server())).toEqual(refusedWith(2, /no terminal to ask on: give -u NAME/))
    const privateKey = join(person.home, 'id')
    writeFileSync(privateKey, '-----BEGIN OPENSSH PRIVATE KEY-----\n')
    expect(await person.run('droplet', 'add', '--ssh-keys', privateKey)).toEqual(refusedWith(2, /is a private key/))
  })

  test('3 for nobody, and for a session that has ended', async () => {
    using person = createPerson()
    expect(await person.run('droplet', 'ls')).toEqual(refusedWith(3, 'You are not logged in: cikit-api login URL'))
    await logIn(person, matrix, 'vic', 'viewer')
    await matrix.cli('create-user', '-u', 'vic', '-g', 'viewer')
    expect(await person.run('droplet', 'ls')).toEqual(refusedWith(3, /Your session at .* has ended/))
  })

  test('4 for a server that cannot be reached', async () => {
    using person = createPerson()
    await logIn(person, matrix, 'vic', 'viewer')
    person.keep({ url: 'http://127.0.0.1:9' })
    expect(await person.run('droplet', 'ls')).toEqual(refusedWith(4, /http:\/\/127\.0\.0\.1:9 cannot be reached/))
  })
})

test('ssh goes to the droplet’s own port, with what it is to run', async () => {
  using person = createPerson()
  await logIn(person, matrix, 'ann', 'manager')
  const [droplet] = JSON.parse((await person.run('droplet', 'add', '--json')).stdout)
  await Bun.write(join(person.home, 'bin/ssh'), '#!/bin/sh\necho "$@"\nexit 7\n')
  Bun.spawnSync(['chmod', '+x', join(person.home, 'bin/ssh')])
  expect(await person.run('droplet', 'ssh', droplet.name, '--', 'uname', '-a')).toEqual({
    exitCode: 7,
    stdout: `-p ${droplet.ports['22'].from.port} root@127.0.0.1 uname -a\n`,
    stderr: '',
  })
  expect(await person.run('droplet', 'ssh', 'cikit98')).toEqual(refusedWith(1, /There is no running droplet cikit98/))
})

test('a server that sends elsewhere, or is none, gets no token and is named', async () => {
  using person = createPerson()
  await logIn(person, matrix, 'vic', 'viewer')
  const asked: (string | null)[] = []
  await using elsewhere = Bun.serve({
    port: 0,
    fetch(request) {
      asked.push(request.headers.get('authorization'))
      return new Response('<h1>hello</h1>')
    },
  })
  await using proxy = Bun.serve({ port: 0, fetch: () => Response.redirect(`${elsewhere.url}api`, 307) })
  for (const { url } of [proxy, elsewhere]) {
    person.keep({ url: url.origin })
    const { exitCode, stderr } = await person.run('droplet', 'ls')
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('not as a cikit-api does') })
  }
  expect(asked).toHaveLength(1)
})
