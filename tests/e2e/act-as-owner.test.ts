import { expect, test } from 'bun:test'
import { chownSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { tempDir } from '../_support/temp-dir.ts'

const NOBODY = 65_534

test('root acts as the owner of the data directory, so that the service can read all that is made there', async () => {
  using dir = tempDir()
  chownSync(dir.path, NOBODY, NOBODY)
  await run([binary, 'create-user', '-u', 'ann', '-g', 'owner', '--data-dir', dir.path])
  const files = readdirSync(dir.path)
  expect(files).toContain('cikit-api.db')
  expect(files).toContain('sealing.key')
  const owners = files.map(name => statSync(join(dir.path, name))).map(({ uid, gid }) => [uid, gid])
  expect(owners).toEqual(files.map(() => [NOBODY, NOBODY]))
})
