import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectedFailure, runCli, startServe } from '../../testkit/cli.ts'
import { fileMode, setUmask } from '../../testkit/file-modes.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'

/** A host with a user, and a directory for backups. */
async function createHost() {
  const dir = memoryDir()
  const path = (name: string) => join(dir.path, name)
  const dataDir = path('data')
  await runCli(['create-user', '-u', 'ann', '-g', 'owner', '--data-dir', dataDir])
  writeFileSync(path('passphrase'), 'correct horse battery\n')
  return {
    path,
    dataDir,
    file: path('a.tar'),
    run: (...args: string[]) => runCli([...args, '--data-dir', dataDir]),
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

test('backup reports what the file contains, and what not', async () => {
  using _ = setUmask(0)
  using host = await createHost()
  const { exitCode, stdout, stderr } = await host.run('backup', host.file)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toMatch(/a\.tar: the database and the SSH keys of 0 droplets, 0\.\d MB, opened and verified\n/)
  expect(stdout).toContain(`The keys are not included: back up ${host.dataDir}/sealing.key and audit.key separately`)
  expect(fileMode(host.file)).toBe('600')
  expect(readdirSync(host.path('.')).toSorted()).toEqual(['a.tar', 'data', 'passphrase'])
})

test('backup replaces an existing file only with --force', async () => {
  using host = await createHost()
  writeFileSync(host.file, 'mine')
  expect(await host.run('backup', host.file)).toEqual(expectedFailure(2, /a\.tar already exists.*--force/))
  expect(readFileSync(host.file, 'utf8')).toBe('mine')
  const { stdout } = await host.run('backup', host.file, '--force', '--json')
  const { file, size, keys, files } = JSON.parse(stdout)
  expect({ file, size, keys }).toEqual({ file: host.file, size: statSync(host.file).size, keys: null })
  expect(files).toMatchObject([{ name: 'cikit-api.db' }])
})

test('backup and restore name the remedy when they fail', async () => {
  using host = await createHost()
  writeFileSync(host.path('short'), 'elevenchars\n')
  mkdirSync(host.path('folder'))
  const cases = [
    [['backup', host.path('no/such/a.tar')], 2, /cannot be written .*ENOENT.*name a file in a directory/],
    [['backup', host.path('folder'), '--force'], 2, /folder exists and is not a regular file/],
    [['backup', host.file, '--with-key'], 2, /--with-key needs --passphrase-file/],
    [['backup', host.file, '--passphrase-file', host.path('passphrase')], 2, /only used with --with-key/],
    [['backup', host.file, '--with-key', '--passphrase-file', host.path('short')], 2, /fewer than 12 characters/],
    [['backup', host.file, '--with-key', '--passphrase-file', host.path('none')], 2, /none cannot be read/],
    [['restore', host.path('none')], 2, /none cannot be read .*name a file written by cikit-api backup/],
    [['restore', host.path('passphrase')], 1, /is not a cikit-api backup, or is corrupt/],
  ] as const
  for (const [args, code, text] of cases) expect(await host.run(...args)).toEqual(expectedFailure(code, text))
  expect(readdirSync(host.path('.')).toSorted()).toEqual(['data', 'folder', 'passphrase', 'short'])
})

test('restore restores everything, reports what was invalidated, and is audited', async () => {
  using host = await createHost()
  await host.run('backup', host.file, '--with-key', '--passphrase-file', host.path('passphrase'))
  const otherDir = host.path('other')
  const restore = (...args: string[]) => runCli(['restore', host.file, '--data-dir', otherDir, ...args])
  expect(await restore()).toEqual(expectedFailure(2, /give --passphrase-file/))
  writeFileSync(host.path('wrong'), 'another passphrase\n')
  expect(await restore('--passphrase-file', host.path('wrong'))).toEqual(expectedFailure(1, /cannot be decrypted/))
  expect(readdirSync(otherDir).toSorted()).toEqual(['credentials', 'serve.lock'])
  const { exitCode, stdout, stderr } = await restore('--passphrase-file', host.path('passphrase'))
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toContain(`Restored into ${otherDir}: 1 user and the SSH keys of 0 droplets`)
  expect(stdout).toContain('Recovery codes used since then are valid again')
  expect((await runCli(['user', 'list', '--data-dir', otherDir])).stdout).toContain('ann')
  const verified = await runCli(['audit', '--verify', '--data-dir', otherDir])
  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('none changed, removed or moved') })
  const { stdout: auditOutput } = await runCli(['audit', '--action', 'restore', '--json', '--data-dir', otherDir])
  expect(JSON.parse(auditOutput)).toMatchObject({
    user: expect.stringMatching(/^host:/),
    address: 'host',
    result: 'ok',
  })
  expect(await restore('--passphrase-file', host.path('passphrase'))).toEqual(expectedFailure(1, /--force/))
})

test('restore of a backup without keys needs the keys of the host, and names their path', async () => {
  using host = await createHost()
  await host.run('backup', host.file)
  const otherDir = host.path('other')
  const restore = (...args: string[]) => runCli(['restore', host.file, '--data-dir', otherDir, ...args])
  expect(await restore()).toEqual(
    expectedFailure(1, new RegExp(`no ${otherDir}/sealing.key: copy sealing.key and audit`)),
  )
  writeFileSync(join(otherDir, 'sealing.key'), `${'0'.repeat(64)}\n`)
  expect(await restore()).toEqual(expectedFailure(1, /sealing.key does not match the backup/))
  writeFileSync(join(otherDir, 'sealing.key'), readFileSync(join(host.dataDir, 'sealing.key')))
  expect(await restore()).toEqual(expectedFailure(1, /copy the audit.key of that host to .*--restart-audit/))
  expect(await restore('--restart-audit')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await runCli(['audit', '--verify', '--data-dir', otherDir])).toMatchObject({ exitCode: 0 })
  const keyFlags = ['--secret-key-file', join(host.dataDir, 'sealing.key')]
  const thirdHostFlags = ['--data-dir', host.path('third'), ...keyFlags]
  expect(await runCli(['restore', host.file, ...thirdHostFlags])).toMatchObject({ exitCode: 0, stderr: '' })
  expect(readdirSync(host.path('third'))).not.toContain('sealing.key')
  expect(await runCli(['audit', '--verify', ...thirdHostFlags])).toMatchObject({ exitCode: 0 })
})

test('restore is rejected while the data directory is served', async () => {
  using host = await createHost()
  await host.run('backup', host.file)
  const args = ['--data-dir', host.dataDir, '--port', '0', '--domain', 'matrix.test', '--docker-host', 'unix:///none']
  await using server = startServe(args)
  await server.address()
  expect(await host.run('restore', host.file, '--force')).toEqual(expectedFailure(1, /is already served by process/))
})

test('restore --force moves the existing data aside', async () => {
  using host = await createHost()
  await host.run('backup', host.file)
  await host.run('create-user', '-u', 'bob', '-g', 'viewer')
  const { stdout } = await host.run('restore', host.file, '--force', '--json')
  const { before, users } = JSON.parse(stdout)
  expect(users).toBe(1)
  expect(readdirSync(before).toSorted()).toEqual(['audit.key', 'cikit-api.db', 'sealing.key'])
  expect((await runCli(['user', 'list', '--data-dir', before])).stdout).toContain('bob')
  expect((await host.run('user', 'list')).stdout).not.toContain('bob')
})
