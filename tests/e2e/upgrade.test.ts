import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { buildRelease, NEWEST_MIGRATION } from '../testkit/e2e/releases.ts'
import { currentCode, startServerProcess } from '../testkit/e2e/server-process.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// Two real releases, the later one with an additional migration, on a host without systemd.

const NOBODY = 65_534
const builds = tempDir()
let first: string
let second: string
let host: ReturnType<typeof createHost>

beforeAll(async () => {
  first = await buildRelease(builds.path, '1.0.0')
  second = await buildRelease(builds.path, '2.0.0', ['CREATE TABLE later (text TEXT)'])
})
afterAll(() => builds[Symbol.dispose]())
beforeEach(() => {
  host = createHost()
  return () => host[Symbol.dispose]()
})

/** A host with the first release installed and data of another user than root. */
function createHost() {
  const dir = tempDir()
  const dataDir = join(dir.path, 'data')
  const binary = join(dir.path, 'cikit-api')
  mkdirSync(dataDir)
  chownSync(dataDir, NOBODY, NOBODY)
  chmodSync(dir.path, 0o755)
  copyFileSync(first, binary)
  async function run(...args: string[]) {
    const child = Bun.spawn([binary, ...args, '--data-dir', dataDir], { stdio: ['ignore', 'pipe', 'pipe'], env: {} })
    const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    return { exitCode, stdout, stderr }
  }
  const binaryFlags = ['--binary', binary]
  // Runs as the owner of the data.
  const commandPrefix = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  return {
    path: dir.path,
    dataDir,
    binary,
    run,
    upgrade: (from: string, sha256 = sha256Of(from)) =>
      run('upgrade', '--from', from, '--sha256', sha256, ...binaryFlags),
    rollback: (...flags: string[]) => run('upgrade', '--rollback', ...binaryFlags, ...flags),
    serve: () => startServerProcess({ socket: '/nonexistent/docker.sock', dataDir, program: binary, commandPrefix }),
    version: async () => (await run('upgrade', '--describe')).stdout.split('"')[7],
    users: async () =>
      (await run('user', 'list')).stdout
        .split('\n')
        .slice(1, -1)
        .map(line => line.split(' ')[0]),
    siblings: () => readdirSync(dir.path).sort(),
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

function sha256Of(path: string): string {
  return new Bun.CryptoHasher('sha256').update(new Uint8Array(Bun.mmap(path))).digest('hex')
}

const expectedFailure = (pattern: RegExp) => ({ exitCode: 1, stdout: '', stderr: expect.stringMatching(pattern) })

test('an upgrade replaces the binary, keeps the previous one and migrates the data after a copy', async () => {
  await host.run('create-user', '-u', 'ann', '-g', 'owner')
  const { exitCode, stdout } = await host.upgrade(second)
  expect(exitCode).toBe(0)
  expect(stdout).toBe(
    `Replaced ${host.binary}: 1.0.0 with 2.0.0; the old binary is now ${host.binary}.previous\nNo server runs; the next start uses the new version\n`,
  )
  expect(host.siblings()).toEqual(['cikit-api', 'cikit-api.previous', 'data'])
  expect(sha256Of(`${host.binary}.previous`)).toBe(sha256Of(first))
  expect(statSync(host.binary).mode & 0o7777).toBe(0o755)
  expect(await host.version()).toBe('2.0.0')
  expect(await host.users()).toEqual(['ann'])
  expect(existsSync(join(host.dataDir, `before-migration-${NEWEST_MIGRATION + 1}.db`))).toBe(true)

  expect((await host.upgrade(second)).stdout).toStartWith('Nothing to do: ')
  expect(sha256Of(`${host.binary}.previous`)).toBe(sha256Of(first))
})

test('the previous version rejects the new data with a clear message', async () => {
  await host.run('create-user', '-u', 'ann', '-g', 'owner')
  await host.upgrade(second)
  await host.users()
  copyFileSync(`${host.binary}.previous`, host.binary)
  expect(await host.run('user', 'list')).toEqual(
    expectedFailure(/was written by a newer cikit-api \(migration \d+, this one knows \d+\): use the newer binary\n$/),
  )
  expect(await host.upgrade(first)).toEqual(
    expectedFailure(/supports data up to migration \d+, but the data is at \d+: use .*--rollback/),
  )
})

describe('changes nothing when given', () => {
  test.each<[string, (file: string) => void, RegExp]>([
    ['a file that others may write to', file => chmodSync(file, 0o775), /Other users can write to/],
    ['a file of another user', file => chownSync(file, NOBODY, NOBODY), /Other users can write to/],
    ['a script', file => writeFileSync(file, `#!/bin/sh\ntouch ${file}.ran\n`), /is not a program for/],
    ['another program', file => copyFileSync('/bin/true', file), /is not a cikit-api binary for this host/],
  ])('%s', async (_, corrupt, pattern) => {
    const file = join(host.path, 'downloaded')
    copyFileSync(second, file)
    corrupt(file)
    expect(await host.upgrade(file)).toEqual(expectedFailure(pattern))
    expect(host.siblings()).toEqual(['cikit-api', 'data', 'downloaded'])
    expect(sha256Of(host.binary)).toBe(sha256Of(first))
  })

  test('a wrong checksum', async () => {
    const pattern = /The SHA-256 of .* is [0-9a-f]{64}, which does not match: download it again/
    expect(await host.upgrade(second, 'b'.repeat(64))).toEqual(expectedFailure(pattern))
    expect(host.siblings()).toEqual(['cikit-api', 'data'])
  })

  test('a binary for another machine', async () => {
    const file = join(host.path, 'downloaded')
    const bytes = Buffer.from(await Bun.file(second).slice(0, 4096).arrayBuffer())
    bytes.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18)
    writeFileSync(file, bytes, { mode: 0o755 })
    expect(await host.upgrade(file)).toEqual(expectedFailure(/is not a program for (x64|arm64): download the binary/))
  })

  test('a missing file or a device', async () => {
    symlinkSync('/dev/zero', join(host.path, 'zero'))
    expect(await host.upgrade(join(host.path, 'zero'), 'b'.repeat(64))).toEqual(
      expectedFailure(/is not a regular file/),
    )
    expect(await host.upgrade(join(host.path, 'nothing'), 'b'.repeat(64))).toEqual(expectedFailure(/cannot be read/))
    expect(await host.rollback()).toEqual(expectedFailure(/previous does not exist: only an upgrade/))
  })
})

describe('a rollback', () => {
  test('before any migration swaps only the binaries', async () => {
    await host.run('create-user', '-u', 'ann', '-g', 'owner')
    await host.upgrade(second)
    expect(await host.rollback()).toMatchObject({ exitCode: 0, stderr: '' })
    expect([await host.version(), ...(await host.users())]).toEqual(['1.0.0', 'ann'])
    await host.rollback()
    expect([await host.version(), ...(await host.users())]).toEqual(['2.0.0', 'ann'])
    expect(host.siblings()).toEqual(['cikit-api', 'cikit-api.previous', 'data'])
  })

  test('after a migration lists the losses and proceeds with --yes', async () => {
    const ann: { secret: string } = JSON.parse(
      (await host.run('create-user', '-u', 'ann', '-g', 'owner', '--json')).stdout,
    )
    await host.upgrade(second)
    await host.run('create-user', '-u', 'bob', '-g', 'viewer')
    const code = await currentCode(ann.secret)
    const login = async () => {
      await using server = await host.serve()
      const { status, body } = await server.call('POST', '/user/auth', undefined, { username: 'ann', code })
      await server.stop()
      return { status, body }
    }
    expect((await login()).status).toBe(200)

    const confirmation = await host.rollback()
    expect(confirmation).toMatchObject({
      exitCode: 1,
      stderr: 'cikit-api: Nothing was changed: confirm with --yes\n',
    })
    expect(confirmation.stdout).toMatch(
      /^1\.0\.0 cannot read the current data\. Restoring the copy of 20\S+Z would lose:\n/,
    )
    expect(confirmation.stdout).toMatch(/users +1 created since;.*\n +sessions +1; .*\n.*\n +audit +2 records\n/)
    expect(await host.users()).toEqual(['ann', 'bob'])

    const { exitCode, stdout } = await host.rollback('--yes')
    expect(exitCode).toBe(0)
    const movedTo = /the replaced data is in (\S+)\n/.exec(stdout)?.[1] ?? ''
    expect(existsSync(join(movedTo, 'cikit-api.db'))).toBe(true)
    expect([await host.version(), ...(await host.users())]).toEqual(['1.0.0', 'ann'])
    expect((await host.run('audit', '--verify')).exitCode).toBe(0)
    expect((await host.run('audit')).stdout).toMatch(/host:\w+ +host +upgrade\.rollback +2\.0\.0 to 1\.0\.0 +ok\n$/)
    // The code stays used, although the restored data does not contain that login.
    expect(await login()).toMatchObject({ status: 400, body: { errorId: 902 } })
    const files = readdirSync(host.dataDir).map(name => statSync(join(host.dataDir, name)))
    expect(files.filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([])
  })

  test('names the running server and changes nothing', async () => {
    await host.run('create-user', '-u', 'ann', '-g', 'owner')
    const upgraded = await host.upgrade(second)
    expect(upgraded.exitCode).toBe(0)
    await host.users()
    await using server = await host.serve()
    const { exitCode, stderr } = await host.rollback('--yes')
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/is already served by process \d+ on http:.*: stop it first/),
    })
    expect(await host.version()).toBe('2.0.0')
    expect((await server.call('GET', '/user/list')).status).toBe(401)
  })
})
