import { expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXPORTED_SECRET, exportedUser, formatExport } from '../../testkit/backups/users-export.ts'
import { expectedFailure, runCli } from '../../testkit/cli.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'

function createHost(text = formatExport(exportedUser('BR0kEN', 'owner'), exportedUser('ann@home', 'viewer'))) {
  const dir = memoryDir()
  const file = join(dir.path, 'users.json')
  writeFileSync(file, text, { mode: 0o600 })
  const run = (...args: string[]) => runCli([...args, '--data-dir', join(dir.path, 'data')])
  return { file, run, [Symbol.dispose]: dir[Symbol.dispose] }
}

const lines = (text: string) => text.split('\n').map(line => line.trim().split(/ {2,}/))

test('import is a dry run unless --write is given', async () => {
  using host = createHost()
  const dryRun = await host.run('import', host.file)
  expect({ exitCode: dryRun.exitCode, stderr: dryRun.stderr }).toEqual({ exitCode: 1, stderr: '' })
  expect(lines(dryRun.stdout)).toEqual([
    ['LINE', 'USERNAME', 'GROUP', 'OUTCOME', 'REMARK'],
    ['1', 'BR0kEN', 'owner', 'can be imported'],
    ['2', 'ann@home', 'viewer', 'REJECTED', expect.stringContaining('rename it')],
    [''],
    ['1 can be imported, 0 already exists, 1 rejected.'],
    ['Nothing was written: run it again with --write to import these users.'],
    [''],
  ])
  expect((await host.run('user', 'list', '--json')).stdout).toBe('[]\n')

  const written = await host.run('import', host.file, '--write')
  expect({ exitCode: written.exitCode, stderr: written.stderr }).toEqual({ exitCode: 1, stderr: '' })
  expect(lines(written.stdout)[1]).toEqual(['1', 'BR0kEN', 'owner', 'imported'])
  expect(JSON.parse((await host.run('user', 'list', '--json')).stdout)).toMatchObject([
    { username: 'BR0kEN', group: 'owner', created: '2018-05-30T07:12:31.114Z' },
  ])
  for (const { stdout } of [dryRun, written]) expect(stdout).not.toContain(EXPORTED_SECRET)
})

test('import --json prints one object, and exits with 0 if no user was rejected', async () => {
  using host = createHost(`[${JSON.stringify(exportedUser('BR0kEN', 'owner'))}]`)
  const runJson = async (...flags: string[]) => {
    const { exitCode, stdout } = await host.run('import', host.file, '--json', ...flags)
    return { exitCode, ...JSON.parse(stdout) }
  }
  const user = { at: 1, username: 'BR0kEN', group: 'owner', remark: null }
  const importedResult = { exitCode: 0, taken: 1, there: 0, refused: 0, users: [{ ...user, outcome: 'taken' }] }
  expect(await runJson()).toEqual({ ...importedResult, written: false })
  expect(await runJson('--write')).toEqual({ ...importedResult, written: true })
  const existingResult = { taken: 0, there: 1, users: [{ ...user, outcome: 'there' }] }
  expect(await runJson('--write')).toEqual({ ...importedResult, ...existingResult, written: true })
})

test('import warns about a file that others can read', async () => {
  using host = createHost()
  chmodSync(host.file, 0o640)
  expect((await host.run('import', host.file)).stderr).toMatch(
    /^cikit-api: warning: others can read [^ ]* and its secrets: run chmod 600 .*\n$/,
  )
})

test('import rejects a file that is not an export, without quoting it', async () => {
  using host = createHost(`[{"secret":"${EXPORTED_SECRET}"`)
  expect(await host.run('import', host.file)).toEqual(expectedFailure(1, /starts like an array but is not one/))
  expect(await host.run('import', '/nonexistent')).toEqual(expectedFailure(1, /cannot be read/))
  expect(await host.run('import', '/')).toEqual(expectedFailure(1, /cannot be read/))
  expect(await host.run('import', '/dev/zero', '--encoding', 'x')).toEqual(
    expectedFailure(2, /--encoding "x" is not supported/),
  )
  writeFileSync(host.file, 'x'.repeat(10_000_001))
  expect(await host.run('import', host.file)).toEqual(expectedFailure(1, /larger than 10 MB/))
})
