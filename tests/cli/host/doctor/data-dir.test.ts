import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkDataDir } from '../../../../cli/host/doctor/data-dir.ts'
import { tempDir } from '../../../testkit/temp-dir.ts'

function createDataDir() {
  const dir = tempDir()
  chmodSync(dir.path, 0o700)
  mkdirSync(join(dir.path, 'credentials/cikit01'), { recursive: true, mode: 0o700 })
  const key = join(dir.path, 'credentials/cikit01/cikit01.private.key')
  writeFileSync(key, 'key', { mode: 0o400 })
  return { ...dir, key, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

const statuses = (path: string) => checkDataDir(path).map(({ check, status }) => `${check} ${status}`)

test('passes for a directory that others cannot read', () => {
  using dir = createDataDir()
  expect(statuses(dir.path)).toEqual(['data directory ok', 'disk ok'])
})

test('names a file that others can read, at any depth, with the remedy', () => {
  using dir = createDataDir()
  chmodSync(dir.key, 0o440)
  const [finding] = checkDataDir(dir.path)
  expect(finding).toEqual({
    check: 'data directory',
    status: 'failed',
    text: `${dir.key} can be read by others: run chmod -R go= ${dir.path}`,
  })
})

test('names a directory that others can read', () => {
  using dir = createDataDir()
  chmodSync(dir.path, 0o750)
  expect(checkDataDir(dir.path)[0]).toMatchObject({
    status: 'failed',
    text: expect.stringContaining(`${dir.path} can`),
  })
})

test('ignores symbolic links', () => {
  using dir = createDataDir()
  symlinkSync('/etc/passwd', join(dir.path, 'sealing.key'))
  expect(statuses(dir.path)).toEqual(['data directory ok', 'disk ok'])
})

test('warns about a missing directory, and fails for a file in its place', () => {
  using dir = createDataDir()
  expect(statuses(join(dir.path, 'none'))).toEqual(['data directory warning'])
  expect(statuses(dir.key)).toEqual(['data directory failed'])
})
