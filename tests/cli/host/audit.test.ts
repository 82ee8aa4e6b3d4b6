import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { toCoreConfig } from '../../../src/config/config.ts'
import { ApiError } from '../../../src/core/errors.ts'
import { createCoreContext } from '../../../src/core-context.ts'
import { acquireServeLock } from '../../../src/store/serve-lock.ts'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { expectedFailure, runCli, spawnCli } from '../../testkit/cli.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'
import { waitUntil } from '../../testkit/wait-until.ts'

/** The user who runs the tests. */
const USER = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()

async function createHost() {
  const dir = memoryDir()
  const run = (...args: string[]) => runCli([...args, '--data-dir', dir.path])
  await run('create-user', '-u', 'ann', '-g', 'owner')
  return { path: dir.path, run, [Symbol.dispose]: dir[Symbol.dispose] }
}

/** Opens the data directory like a server. @param clockLagMs how far its clock is behind */
async function openContext(path: string, clockLagMs = 0) {
  const config = toCoreConfig({ 'data-dir': path }, {}, { root: true, hostname: 'matrix' })
  const context = await createCoreContext(config, { now: () => Date.now() - clockLagMs })
  return { ...context, [Symbol.asyncDispose]: context.close }
}

/** A running `audit --follow`, until its scope ends. */
function follow(path: string, ...args: string[]) {
  const child = spawnCli(['audit', '--follow', '--data-dir', path, ...args], {})
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    /** Resolves with the output once it contains this text. */
    async until(expected: string): Promise<string> {
      while (!text.includes(expected)) {
        const { value, done } = await reader.read()
        if (done) throw new Error(`ended without "${expected}": ${text}`)
        text += value
      }
      return text
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

test('audit lists actions on the host, failed ones included, newest last', async () => {
  using host = await createHost()
  await host.run('create-user', '-u', 'bob', '-g', 'owner')
  await host.run('create-user', '-u', 'ann', '-g', 'viewer')
  await host.run('user', 'hand-over', 'nobody')
  await host.run('user', 'unlock', 'ann')
  const { exitCode, stdout, stderr } = await host.run('audit')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const lines = stdout.trimEnd().split('\n')
  expect(lines.map(line => line.split(/ +/).slice(1).join(' '))).toEqual([
    '- host audit.begin - ok',
    `host:${USER} host create-user ann ok`,
    `host:${USER} host create-user bob refused 906`,
    `host:${USER} host create-user ann refused`,
    `host:${USER} host user.hand-over nobody refused 903`,
    `host:${USER} host user.unlock ann ok`,
  ])
  for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}/)
})

test('audit --json prints matching records as the API does, one per line', async () => {
  using host = await createHost()
  await host.run('user', 'unlock', 'ann')
  const { stdout } = await host.run('audit', '--json', '--action', 'user', '--limit', '1')
  expect(JSON.parse(stdout)).toEqual({
    id: 3,
    time: expect.any(String),
    user: `host:${USER}`,
    address: 'host',
    action: 'user.unlock',
    target: 'ann',
    result: 'ok',
    error_id: null,
    count: 1,
  })
})

test('audit --follow prints new records', async () => {
  using host = await createHost()
  await using following = follow(host.path, '--json')
  await following.until('create-user')
  await host.run('user', 'unlock', 'ann')
  const lines = (await following.until('user.unlock')).trim().split('\n')
  expect(lines.map(line => JSON.parse(line).id)).toEqual([1, 2, 3])
})

test('audit --follow prints every matching record, and no other', async () => {
  using host = await createHost()
  await using context = await openContext(host.path, 120_000)
  await using following = follow(host.path, '--json', '--action', 'test', '--limit', '1')
  const record = (...targets: string[]) =>
    context.db.write(() => {
      for (const target of targets) context.audit.record(TEST_ACTOR, target)
      context.audit.record({ ...TEST_ACTOR, action: 'other' }, 'other')
    })
  await record('first')
  await following.until('first')
  await record('second', 'third', 'fourth')
  await following.until('fourth')
  // The follower flushes denials when it polls. Once this record appears, it has polled and printed nothing of it.
  context.audit.recordDenial({ ...TEST_ACTOR, action: 'other' }, '', new ApiError('groupForbidden'), true)
  await context.audit.flush()
  const isDenialRecorded = () => context.audit.records({ action: 'other' }).some(({ result }) => result === 'refused')
  await waitUntil(isDenialRecorded, { what: 'the record of the denial' })
  await record('last')
  const lines = (await following.until('last')).trim().split('\n')
  expect(lines.map(line => JSON.parse(line).target)).toEqual(['first', 'second', 'third', 'fourth', 'last'])
})

test('audit shows the count of a repeated denial at once', async () => {
  using host = await createHost()
  await using context = await openContext(host.path)
  for (let count = 0; count < 2; count++) context.audit.recordDenial(TEST_ACTOR, '', new ApiError('codeRefused'), false)
  await context.audit.flush()
  expect((await host.run('audit')).stdout).toMatch(/test +- +refused 902 \(2 times\)\n$/)
})

test('audit names the user of the process, not $USER', async () => {
  using host = await createHost()
  await runCli(['user', 'unlock', 'ann', '--data-dir', host.path], { USER: 'eve', LOGNAME: 'eve' })
  const { stdout } = await host.run('audit', '--action', 'user.unlock')
  expect(stdout).toContain(`host:${USER} `)
  expect(stdout).not.toContain('eve')
})

test('audit --restart is rejected while a server runs', async () => {
  using host = await createHost()
  const lock = acquireServeLock(host.path)
  rmSync(join(host.path, 'audit.key'))
  try {
    expect(await host.run('audit', '--restart')).toEqual(expectedFailure(1, /is already served/))
  } finally {
    lock.release()
  }
  expect(await host.run('audit', '--restart')).toMatchObject({ exitCode: 0, stderr: '' })
})

test('audit --verify finds changed records and exits with 1', async () => {
  using host = await createHost()
  const intact = await host.run('audit', '--verify')
  expect(intact).toMatchObject({ exitCode: 0, stderr: '' })
  expect(intact.stdout).toMatch(/^2 records, none changed, removed or moved\. The newest is 2, its mac [0-9a-f]{64}\n$/)
  using db = new Database(join(host.path, 'cikit-api.db'))
  db.run('DROP TRIGGER audit_reject_update')
  db.run("UPDATE audit SET target = 'eve' WHERE number = 2")
  expect(await host.run('audit', '--verify')).toEqual({
    exitCode: 1,
    stdout: 'A trigger that protects the records is missing\nRecord 2 was changed or moved\n',
    stderr: 'cikit-api: The audit log was tampered with: compare it with backups of the database\n',
  })
  const output = await host.run('audit', '--verify', '--json')
  expect(JSON.parse(output.stdout)).toMatchObject({
    ok: false,
    records: 2,
    findings: [expect.any(String), 'Record 2 was changed or moved'],
  })
})

test('a lost audit.key blocks all commands until audit --restart starts a new chain', async () => {
  using host = await createHost()
  rmSync(join(host.path, 'audit.key'))
  expect(await host.run('user', 'list')).toEqual(expectedFailure(1, /audit\.key is missing/))
  expect(await host.run('audit', '--restart')).toMatchObject({ exitCode: 0, stderr: '' })
  const { stdout } = await host.run('audit', '--verify')
  expect(stdout).toMatch(/^1 records, none changed[^\n]*\n2 older records use an earlier key and were not verified\n$/)
  const output = (await host.run('audit', '--action', 'audit.begin')).stdout
  expect(output.match(/\S+ +host +audit\.begin/g)?.map(match => match.split(' ')[0])).toEqual(['-', `host:${USER}`])
})

test.each([
  [['--limit', '0'], '--limit must be a number'],
  [['--since', 'yesterday'], '--since must be a time'],
])('audit %p is rejected', async (flags, message) => {
  using dir = memoryDir()
  expect(await runCli(['audit', ...flags, '--data-dir', dir.path])).toEqual(expectedFailure(2, new RegExp(message)))
})
