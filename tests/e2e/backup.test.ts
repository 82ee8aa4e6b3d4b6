import { Database as Sqlite } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { binary } from '../../scripts/lib/paths.ts'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { backupFileName } from '../../src/backups/schedule.ts'
import { codeAt } from '../testkit/auth/totp.ts'
import { createFakeDocker, type FakeDocker } from '../testkit/docker/fake-docker.ts'
import { type CreatedUser, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { fileMode } from '../testkit/file-modes.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// Backs up a busy server and restores it on another host that has only the file.

const NOBODY = 65_534
const dir = tempDir()
const path = (name: string) => join(dir.path, name)
const passphrase = ['--passphrase-file', path('passphrase')]
const runCli = (...args: string[]) => run([binary, ...args])

let engine: FakeDocker
let original: ServerProcess
let owner: CreatedUser
let token: string
/** The code of a login before the backup. */
let usedCode: string
/** The token of a pending enrolment. */
let link: string

beforeAll(async () => {
  writeFileSync(path('passphrase'), 'correct horse battery staple\n')
  engine = createFakeDocker()
  original = await startServerProcess({ socket: engine.socket, dataDir: path('old') })
  owner = await original.createUser('owner', 'owner')
  usedCode = codeAt(owner.secret, Date.now())
  token = (await original.logIn(owner)).access_token
  await original.callDroplets('POST', 'add', token)
  await original.addUser(token, 'ann')
  const { body } = await original.call('POST', '/user/enrol/ann', token)
  link = (body as { enrolment_token: string }).enrolment_token
})

afterAll(async () => {
  await original[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

test('a backup does not fail any concurrent request', async () => {
  let done = false
  const statuses: number[] = []
  const requestRepeatedly = async (send: () => Promise<{ status: number }>) => {
    while (!done) statuses.push((await send()).status)
  }
  let number = 0
  const load = [
    requestRepeatedly(() => original.call('POST', '/droplet/add', token)),
    requestRepeatedly(() => original.addUser(token, `user${number++}`)),
    requestRepeatedly(() => original.call('GET', '/droplet/list', token)),
  ]
  await runCli('backup', path('a.tar'), '--data-dir', original.dataDir, '--with-key', ...passphrase)
  done = true
  await Promise.all(load)
  expect(statuses.length).toBeGreaterThan(3)
  expect(new Set(statuses)).toEqual(new Set([200]))
  expect(fileMode(path('a.tar'))).toBe('600')
})

describe('on another host', () => {
  let restored: ServerProcess

  beforeAll(async () => {
    const credentials = ['--credentials-dir', path('keys')]
    await runCli('restore', path('a.tar'), '--data-dir', path('new'), ...passphrase, ...credentials)
    restored = await startServerProcess({ socket: engine.socket, dataDir: path('new'), flags: credentials })
  })
  afterAll(() => restored[Symbol.asyncDispose]())

  test('the users and every droplet with its keys are back', async () => {
    const { access_token } = await logInWithNextCode(restored)
    expect((await restored.usernames(access_token)).slice(0, 2)).toEqual(['owner', 'ann'])
    const names = (await restored.callDroplets('GET', 'list', access_token)).map(({ name }) => name)
    expect(names).toContain('cikit01')
    const file = (directory: string, kind: string) => join(directory, 'cikit01', `cikit01.${kind}.key`)
    for (const [kind, mode] of Object.entries({ private: '400', public: '600' })) {
      const text = readFileSync(file(join(path('old'), 'credentials'), kind), 'utf8')
      expect([readFileSync(file(path('keys'), kind), 'utf8'), fileMode(file(path('keys'), kind))]).toEqual([text, mode])
    }
  })

  test('earlier sessions and codes are invalid', async () => {
    expect((await restored.call('GET', '/user/list', token)).body).toMatchObject({ errorId: 908 })
    for (const code of [usedCode, codeAt(owner.secret, Date.now() - 30_000)]) {
      const { body } = await restored.call('POST', '/user/auth', undefined, { username: 'owner', code })
      expect(body).toMatchObject({ errorId: 902 })
    }
  })

  test('earlier enrolment links are invalid', async () => {
    const { body } = await restored.call('POST', '/user/auth/enrol', undefined, { enrolment_token: link })
    expect(body).toMatchObject({ errorId: 926 })
  })

  test('the audit log is intact and records the restore', async () => {
    const restoreRecords = await restored.runCli('audit', '--action', 'restore', '--json')
    expect(JSON.parse(restoreRecords)).toMatchObject({ user: 'host:root', address: 'host', result: 'ok' })
    expect(await restored.runCli('audit', '--verify')).toContain('none changed, removed or moved')
  })
})

test('as root, backup and restore keep the owner of the data directory, and backup can write to a directory of root', async () => {
  mkdirSync(path('other-owner'), { mode: 0o700 })
  chownSync(dir.path, 0, 0)
  chownSync(path('other-owner'), NOBODY, NOBODY)
  // The owner of the data directory must be able to reach it.
  await run(['chmod', '711', dir.path])
  mkdirSync(path('root-only'), { mode: 0o700 })
  await runCli('restore', path('a.tar'), '--data-dir', path('other-owner'), ...passphrase)
  const file = join(path('root-only'), 'b.tar')
  await runCli('backup', file, '--data-dir', path('other-owner'))
  expect([statSync(file).uid, fileMode(file), readdirSync(path('root-only'))]).toEqual([0, '600', ['b.tar']])
  const files = (await run(['find', path('other-owner'), '-printf', '%U:%G\n'])).trim().split('\n')
  expect(files.length).toBeGreaterThan(6)
  expect(new Set(files)).toEqual(new Set([`${NOBODY}:${NOBODY}`]))
})

test('a killed backup by root leaves a partial file of that owner, which the next backup removes', async () => {
  const killAtFirstFsync = [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=fsync',
    '-e',
    'inject=fsync:signal=SIGKILL:when=1',
  ]
  const command = [binary, 'backup', path('killed.tar'), '--data-dir', path('other-owner')]
  expect(await Bun.spawn([...killAtFirstFsync, ...command], { stdout: 'ignore', stderr: 'ignore' }).exited).toBe(137)
  const leftovers = () => readdirSync(path('other-owner')).filter(name => name.startsWith('backup.part-'))
  expect(leftovers()).toHaveLength(1)
  const owners = (await run(['find', path('other-owner'), '-printf', '%U:%G\n'])).trim().split('\n')
  expect(new Set(owners)).toEqual(new Set([`${NOBODY}:${NOBODY}`]))
  await run(command)
  expect([leftovers(), readdirSync(dir.path).filter(name => name.includes('part'))]).toEqual([[], []])
})

test('a damaged file changes nothing', async () => {
  const bytes = readFileSync(path('a.tar'))
  bytes[bytes.length - 3_000] = (bytes[bytes.length - 3_000] ?? 0) ^ 1
  writeFileSync(path('damaged.tar'), bytes)
  const before = await run(['find', path('other-owner'), '-printf', '%p %s %m %T@\n'])
  const restore = runCli('restore', path('damaged.tar'), '--data-dir', path('other-owner'), '--force', ...passphrase)
  await expect(restore).rejects.toThrow('is not a cikit-api backup, or is corrupt')
  expect(await run(['find', path('other-owner'), '-printf', '%p %s %m %T@\n'])).toBe(before)
})

test('a restore is rejected while another command has the database open', async () => {
  const child = Bun.spawn([binary, 'audit', '--follow', '--data-dir', path('other-owner')], {
    stdout: 'pipe',
    stderr: 'ignore',
  })
  try {
    await child.stdout.getReader().read()
    const restore = runCli('restore', path('a.tar'), '--data-dir', path('other-owner'), '--force', ...passphrase)
    await expect(restore).rejects.toThrow('Another command uses the database')
  } finally {
    child.kill('SIGKILL')
    await child.exited
  }
  expect(readdirSync(path('other-owner')).filter(name => name.includes('restore'))).toEqual([])
})

test('serve --every 24h --keep 7 backs up automatically, and not again after a restart', async () => {
  const flags = ['--every', '24h', '--keep', '7']
  const backups = join(path('scheduled'), 'backups')
  const names = () => (existsSync(backups) ? readdirSync(backups) : [])
  const serve = () => startServerProcess({ socket: '/nonexistent/docker.sock', dataDir: path('scheduled'), flags })
  const hasBackup = (server: ServerProcess) => server.log.some(({ message }) => message === 'backup written')
  {
    await using server = await serve()
    await server.createUser('owner', 'owner')
    expect(await pollUntil(20_000, () => hasBackup(server))).toBe(true)
    expect(await server.stop()).toBe(0)
  }
  const [first = ''] = names()
  expect([names().length, fileMode(backups), fileMode(join(backups, first))]).toEqual([1, '700', '600'])
  {
    await using server = await serve()
    expect((await server.call('GET', '/user/list')).status).toBe(401)
    expect(await server.stop()).toBe(0)
    expect(hasBackup(server)).toBe(false)
  }
  // Makes the backup look a day old.
  renameSync(join(backups, first), join(backups, backupFileName(Date.now() - 86_400_000)))
  await using server = await serve()
  expect(await pollUntil(20_000, () => hasBackup(server))).toBe(true)
  expect(names()).toHaveLength(2)
})

test('a server that is stopped during a backup leaves no partial file', async () => {
  await run([binary, 'create-user', '-u', 'owner', '-g', 'owner', '--data-dir', path('stopped')])
  const backups = join(path('stopped'), 'backups')
  fillDatabase(path('stopped'), 100)
  await using server = await startServerProcess({
    socket: '/nonexistent/docker.sock',
    dataDir: path('stopped'),
    flags: ['--every', '1h'],
  })
  const partialFiles = () => readdirSync(path('stopped')).filter(name => name.includes('part'))
  expect(await pollUntil(20_000, () => partialFiles().length > 0)).toBe(true)
  expect(await server.stop()).toBe(0)
  expect([readdirSync(backups), partialFiles()]).toEqual([[], []])
})

/** Enlarges a database so that its backup takes a while. */
function fillDatabase(dataDir: string, megabytes: number): void {
  using sql = new Sqlite(join(dataDir, 'cikit-api.db'), { readwrite: true })
  sql.run('CREATE TABLE filling (bytes BLOB)')
  for (let count = 0; count < megabytes; count++) sql.run('INSERT INTO filling VALUES (randomblob(1000000))')
}

/** Waits for the next time step if necessary: codes up to the step of the restore are rejected. */
async function logInWithNextCode(server: ServerProcess): Promise<{ access_token: string }> {
  for (let attempt = 0; attempt < 4; attempt++) {
    const code = codeAt(owner.secret, Date.now())
    const { status, body } = await server.call('POST', '/user/auth', undefined, { username: 'owner', code })
    if (status === 200) return body as { access_token: string }
    await Bun.sleep(30_000 - (Date.now() % 30_000))
  }
  throw new Error('no code of the owner was accepted')
}
