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
import { createFakeEngine, type FakeEngine } from '../testkit/docker/fake-engine.ts'
import { type CreatedUser, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { fileMode } from '../testkit/file-modes.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// The compiled binary: backed up while it is busy, and put back on another host, which has nothing but the file.

const NOBODY = 65_534
const dir = tempDir()
const path = (name: string) => join(dir.path, name)
const passphrase = ['--passphrase-file', path('passphrase')]
const runCli = (...args: string[]) => run([binary, ...args])

let engine: FakeEngine
let original: ServerProcess
let owner: CreatedUser
let token: string
/** The code that opened a session before the backup. */
let usedCode: string
/** The link of an enrolment that was open. */
let link: string

beforeAll(async () => {
  writeFileSync(path('passphrase'), 'correct horse battery staple\n')
  engine = createFakeEngine()
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

test('a backup of a server that adds droplets and users all the while, of which none is refused', async () => {
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

  test('its users are back, and every droplet with its keys', async () => {
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

  test('no session of before is worth anything, and no code', async () => {
    expect((await restored.call('GET', '/user/list', token)).body).toMatchObject({ errorId: 908 })
    for (const code of [usedCode, codeAt(owner.secret, Date.now() - 30_000)]) {
      const { body } = await restored.call('POST', '/user/auth', undefined, { username: 'owner', code })
      expect(body).toMatchObject({ errorId: 902 })
    }
  })

  test('no link of before enrols', async () => {
    const { body } = await restored.call('POST', '/user/auth/enrol', undefined, { enrolment_token: link })
    expect(body).toMatchObject({ errorId: 926 })
  })

  test('the audit is whole, and tells of it', async () => {
    const restoreRecords = await restored.runCli('audit', '--action', 'restore', '--json')
    expect(JSON.parse(restoreRecords)).toMatchObject({ user: 'host:root', address: 'host', result: 'ok' })
    expect(await restored.runCli('audit', '--verify')).toContain('none changed, removed or moved')
  })
})

test('root backs up for an owner to where only root may write, and restores for one; all files are that owner’s', async () => {
  mkdirSync(path('theirs'), { mode: 0o700 })
  chownSync(dir.path, 0, 0)
  chownSync(path('theirs'), NOBODY, NOBODY)
  // Who owns the data directory has to get there; nobody else need.
  await run(['chmod', '711', dir.path])
  mkdirSync(path('root-only'), { mode: 0o700 })
  await runCli('restore', path('a.tar'), '--data-dir', path('theirs'), ...passphrase)
  const file = join(path('root-only'), 'b.tar')
  await runCli('backup', file, '--data-dir', path('theirs'))
  expect([statSync(file).uid, fileMode(file), readdirSync(path('root-only'))]).toEqual([0, '600', ['b.tar']])
  const files = (await run(['find', path('theirs'), '-printf', '%U:%G\n'])).trim().split('\n')
  expect(files.length).toBeGreaterThan(6)
  expect(new Set(files)).toEqual(new Set([`${NOBODY}:${NOBODY}`]))
})

test('what a backup by root leaves when it is killed is that owner’s, too, and goes with the next one', async () => {
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
  const command = [binary, 'backup', path('killed.tar'), '--data-dir', path('theirs')]
  expect(await Bun.spawn([...killAtFirstFsync, ...command], { stdout: 'ignore', stderr: 'ignore' }).exited).toBe(137)
  const leftovers = () => readdirSync(path('theirs')).filter(name => name.startsWith('backup.part-'))
  expect(leftovers()).toHaveLength(1)
  const owners = (await run(['find', path('theirs'), '-printf', '%U:%G\n'])).trim().split('\n')
  expect(new Set(owners)).toEqual(new Set([`${NOBODY}:${NOBODY}`]))
  await run(command)
  expect([leftovers(), readdirSync(dir.path).filter(name => name.includes('part'))]).toEqual([[], []])
})

test('a file that is damaged changes nothing', async () => {
  const bytes = readFileSync(path('a.tar'))
  bytes[bytes.length - 3_000] = (bytes[bytes.length - 3_000] ?? 0) ^ 1
  writeFileSync(path('damaged.tar'), bytes)
  const before = await run(['find', path('theirs'), '-printf', '%p %s %m %T@\n'])
  const restore = runCli('restore', path('damaged.tar'), '--data-dir', path('theirs'), '--force', ...passphrase)
  await expect(restore).rejects.toThrow('is no backup of cikit-api, or is damaged')
  expect(await run(['find', path('theirs'), '-printf', '%p %s %m %T@\n'])).toBe(before)
})

test('while another command has the database open, it is not put aside', async () => {
  const child = Bun.spawn([binary, 'audit', '--follow', '--data-dir', path('theirs')], {
    stdout: 'pipe',
    stderr: 'ignore',
  })
  try {
    await child.stdout.getReader().read()
    const restore = runCli('restore', path('a.tar'), '--data-dir', path('theirs'), '--force', ...passphrase)
    await expect(restore).rejects.toThrow('Another command works on the database')
  } finally {
    child.kill('SIGKILL')
    await child.exited
  }
  expect(readdirSync(path('theirs')).filter(name => name.includes('restore'))).toEqual([])
})

test('serve --every 24h --keep 7 backs up by itself, and not again after a restart', async () => {
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
  // As if that had been a day ago.
  renameSync(join(backups, first), join(backups, backupFileName(Date.now() - 86_400_000)))
  await using server = await serve()
  expect(await pollUntil(20_000, () => hasBackup(server))).toBe(true)
  expect(names()).toHaveLength(2)
})

test('a server that is stopped in the middle of a backup leaves no half of one behind', async () => {
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

/** Makes a database so large that its backup takes a while. */
function fillDatabase(dataDir: string, megabytes: number): void {
  using sql = new Sqlite(join(dataDir, 'cikit-api.db'), { readwrite: true })
  sql.run('CREATE TABLE filling (bytes BLOB)')
  for (let count = 0; count < megabytes; count++) sql.run('INSERT INTO filling VALUES (randomblob(1000000))')
}

/** A code of the step of the restore or an earlier one is refused: the next one is waited for. */
async function logInWithNextCode(server: ServerProcess): Promise<{ access_token: string }> {
  for (let attempt = 0; attempt < 4; attempt++) {
    const code = codeAt(owner.secret, Date.now())
    const { status, body } = await server.call('POST', '/user/auth', undefined, { username: 'owner', code })
    if (status === 200) return body as { access_token: string }
    await Bun.sleep(30_000 - (Date.now() % 30_000))
  }
  throw new Error('no code of the owner is accepted')
}
