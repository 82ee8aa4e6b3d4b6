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
import { run, until } from '../../scripts/lib/run.ts'
import { nameAt } from '../../src/backups/schedule.ts'
import { codeAt } from '../_support/codes.ts'
import { type Enrolment, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { createFakeEngine, type FakeEngine } from '../_support/fake-engine.ts'
import { modeOf } from '../_support/modes.ts'
import { tempDir } from '../_support/temp-dir.ts'

// The compiled binary: backed up while it is busy, and put back on another host, which has nothing but the file.

const NOBODY = 65_534
const dir = tempDir()
const path = (name: string) => join(dir.path, name)
const passphrase = ['--passphrase-file', path('passphrase')]
const cli = (...words: string[]) => run([binary, ...words])

let engine: FakeEngine
let old: Matrix
let owner: Enrolment
let token: string
/** The code that opened a session before the backup. */
let usedCode: string
/** The link of an enrolment that was open. */
let link: string

beforeAll(async () => {
  writeFileSync(path('passphrase'), 'correct horse battery staple\n')
  engine = createFakeEngine()
  old = await startMatrix({ socket: engine.socket, dataDir: path('old') })
  owner = await old.createUser('owner', 'owner')
  usedCode = codeAt(owner.secret, Date.now())
  token = (await old.logIn(owner)).access_token
  await old.droplets('POST', 'add', token)
  await old.addUser(token, 'ann')
  const { body } = await old.call('POST', '/user/enrol/ann', token)
  link = (body as { enrolment_token: string }).enrolment_token
})

afterAll(async () => {
  await old[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

test('a backup of a server that adds droplets and users all the while, of which none is refused', async () => {
  let done = false
  const answers: number[] = []
  const keep = async (ask: () => Promise<{ status: number }>) => {
    while (!done) answers.push((await ask()).status)
  }
  let number = 0
  const busy = [
    keep(() => old.call('POST', '/droplet/add', token)),
    keep(() => old.addUser(token, `user${number++}`)),
    keep(() => old.call('GET', '/droplet/list', token)),
  ]
  await cli('backup', path('a.tar'), '--data-dir', old.dataDir, '--with-key', ...passphrase)
  done = true
  await Promise.all(busy)
  expect(answers.length).toBeGreaterThan(3)
  expect(new Set(answers)).toEqual(new Set([200]))
  expect(modeOf(path('a.tar'))).toBe('600')
})

describe('on another host', () => {
  let restored: Matrix

  beforeAll(async () => {
    const credentials = ['--credentials-dir', path('keys')]
    await cli('restore', path('a.tar'), '--data-dir', path('new'), ...passphrase, ...credentials)
    restored = await startMatrix({ socket: engine.socket, dataDir: path('new'), flags: credentials })
  })
  afterAll(() => restored[Symbol.asyncDispose]())

  test('its users are back, and every droplet with its keys', async () => {
    const { access_token } = await logInWithNextCode(restored)
    expect((await restored.usernames(access_token)).slice(0, 2)).toEqual(['owner', 'ann'])
    const names = (await restored.droplets('GET', 'list', access_token)).map(({ name }) => name)
    expect(names).toContain('cikit01')
    const file = (directory: string, kind: string) => join(directory, 'cikit01', `cikit01.${kind}.key`)
    for (const [kind, mode] of Object.entries({ private: '400', public: '600' })) {
      const text = readFileSync(file(join(path('old'), 'credentials'), kind), 'utf8')
      expect([readFileSync(file(path('keys'), kind), 'utf8'), modeOf(file(path('keys'), kind))]).toEqual([text, mode])
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
    const shown = await restored.cli('audit', '--action', 'restore', '--json')
    expect(JSON.parse(shown)).toMatchObject({ user: 'host:root', address: 'host', result: 'ok' })
    expect(await restored.cli('audit', '--verify')).toContain('none changed, removed or moved')
  })
})

test('root backs up for an owner to where only root may write, and restores for one; all files are that owner’s', async () => {
  mkdirSync(path('theirs'), { mode: 0o700 })
  chownSync(dir.path, 0, 0)
  chownSync(path('theirs'), NOBODY, NOBODY)
  // Who owns the data directory has to get there; nobody else need.
  await run(['chmod', '711', dir.path])
  mkdirSync(path('root-only'), { mode: 0o700 })
  await cli('restore', path('a.tar'), '--data-dir', path('theirs'), ...passphrase)
  const file = join(path('root-only'), 'b.tar')
  await cli('backup', file, '--data-dir', path('theirs'))
  expect([statSync(file).uid, modeOf(file), readdirSync(path('root-only'))]).toEqual([0, '600', ['b.tar']])
  const files = (await run(['find', path('theirs'), '-printf', '%U:%G\n'])).trim().split('\n')
  expect(files.length).toBeGreaterThan(6)
  expect(new Set(files)).toEqual(new Set([`${NOBODY}:${NOBODY}`]))
})

test('what a backup by root leaves when it is killed is that owner’s, too, and goes with the next one', async () => {
  const killed = [
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
  const words = [binary, 'backup', path('killed.tar'), '--data-dir', path('theirs')]
  expect(await Bun.spawn([...killed, ...words], { stdout: 'ignore', stderr: 'ignore' }).exited).toBe(137)
  const left = () => readdirSync(path('theirs')).filter(name => name.startsWith('backup.part-'))
  expect(left()).toHaveLength(1)
  const owners = (await run(['find', path('theirs'), '-printf', '%U:%G\n'])).trim().split('\n')
  expect(new Set(owners)).toEqual(new Set([`${NOBODY}:${NOBODY}`]))
  await run(words)
  expect([left(), readdirSync(dir.path).filter(name => name.includes('part'))]).toEqual([[], []])
})

test('a file that is damaged changes nothing', async () => {
  const bytes = readFileSync(path('a.tar'))
  bytes[bytes.length - 3_000] = (bytes[bytes.length - 3_000] ?? 0) ^ 1
  writeFileSync(path('damaged.tar'), bytes)
  const before = await run(['find', path('theirs'), '-printf', '%p %s %m %T@\n'])
  const restore = cli('restore', path('damaged.tar'), '--data-dir', path('theirs'), '--force', ...passphrase)
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
    const restore = cli('restore', path('a.tar'), '--data-dir', path('theirs'), '--force', ...passphrase)
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
  const serve = () => startMatrix({ socket: '/nonexistent/docker.sock', dataDir: path('scheduled'), flags })
  const written = (matrix: Matrix) => matrix.log.some(({ message }) => message === 'backup written')
  {
    await using matrix = await serve()
    await matrix.createUser('owner', 'owner')
    expect(await until(20_000, () => written(matrix))).toBe(true)
    expect(await matrix.stop()).toBe(0)
  }
  const [first = ''] = names()
  expect([names().length, modeOf(backups), modeOf(join(backups, first))]).toEqual([1, '700', '600'])
  {
    await using matrix = await serve()
    expect((await matrix.call('GET', '/user/list')).status).toBe(401)
    expect(await matrix.stop()).toBe(0)
    expect(written(matrix)).toBe(false)
  }
  // As if that had been a day ago.
  renameSync(join(backups, first), join(backups, nameAt(Date.now() - 86_400_000)))
  await using matrix = await serve()
  expect(await until(20_000, () => written(matrix))).toBe(true)
  expect(names()).toHaveLength(2)
})

test('a server that is stopped in the middle of a backup leaves no half of one behind', async () => {
  await run([binary, 'create-user', '-u', 'owner', '-g', 'owner', '--data-dir', path('stopped')])
  const backups = join(path('stopped'), 'backups')
  fill(path('stopped'), 100)
  await using matrix = await startMatrix({
    socket: '/nonexistent/docker.sock',
    dataDir: path('stopped'),
    flags: ['--every', '1h'],
  })
  const parts = () => readdirSync(path('stopped')).filter(name => name.includes('part'))
  expect(await until(20_000, () => parts().length > 0)).toBe(true)
  expect(await matrix.stop()).toBe(0)
  expect([readdirSync(backups), parts()]).toEqual([[], []])
})

/** Makes a database so large that its backup takes a while. */
function fill(dataDir: string, megabytes: number): void {
  using sql = new Sqlite(join(dataDir, 'cikit-api.db'), { readwrite: true })
  sql.run('CREATE TABLE filling (bytes BLOB)')
  for (let count = 0; count < megabytes; count++) sql.run('INSERT INTO filling VALUES (randomblob(1000000))')
}

/** A code of the step of the restore or an earlier one is refused: the next one is waited for. */
async function logInWithNextCode(matrix: Matrix): Promise<{ access_token: string }> {
  for (let attempt = 0; attempt < 4; attempt++) {
    const code = codeAt(owner.secret, Date.now())
    const { status, body } = await matrix.call('POST', '/user/auth', undefined, { username: 'owner', code })
    if (status === 200) return body as { access_token: string }
    await Bun.sleep(30_000 - (Date.now() % 30_000))
  }
  throw new Error('no code of the owner is accepted')
}
