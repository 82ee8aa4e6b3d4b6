import { expect, test } from 'bun:test'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkStore } from '../../../../cli/host/doctor/store.ts'
import { createCoreContext } from '../../../../src/core-context.ts'
import { openDatabase } from '../../../../src/store/database.ts'
import { migrations } from '../../../../src/store/migrations/index.ts'
import { flipByte } from '../../../testkit/faults/flip-byte.ts'
import { tempDir } from '../../../testkit/temp-dir.ts'

const actor = { user: 'root', address: 'host', action: 'create-user' }

/** A data directory that a command on the host has created. */
async function createDataDir(options: { owner?: boolean } = {}) {
  const dir = tempDir()
  const config = { dataDir: dir.path, hostLabel: 'matrix.test' }
  const context = await createCoreContext(config)
  if (options.owner !== false) await context.users.provision(actor, 'own', 'owner', false)
  await context.close()
  return { config, key: join(dir.path, 'sealing.key'), [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

async function runStoreCheck(config: { dataDir: string; hostLabel: string }) {
  const before = readdirSync(config.dataDir).sort()
  const findings = await checkStore(config)
  expect(readdirSync(config.dataDir).sort()).toEqual(before)
  return Object.fromEntries(findings.map(({ check, status, text }) => [check, `${status}: ${text}`]))
}

test('passes for an intact system', async () => {
  using sound = await createDataDir()
  const newest = migrations.at(-1)?.id
  expect(await runStoreCheck(sound.config)).toEqual({
    database: 'ok: no corruption found',
    migrations: `ok: the database is at migration ${newest}`,
    'encryption key': `ok: ${sound.key} is the key of this database`,
    owner: 'ok: own (1 user in total)',
  })
})

test('says how to create an owner if there is none', async () => {
  using empty = await createDataDir({ owner: false })
  expect((await runStoreCheck(empty.config)).owner).toMatch(/^warning: .*create-user -u NAME -g owner/)
})

test('creates nothing before the first start', async () => {
  using dir = tempDir()
  expect(await runStoreCheck({ dataDir: dir.path, hostLabel: 'x' })).toEqual({
    database: 'warning: does not exist yet: the first start creates it',
  })
})

test('fails for a missing or wrong key, and creates none', async () => {
  using sound = await createDataDir()
  writeFileSync(sound.key, `${'0'.repeat(64)}\n`)
  expect((await runStoreCheck(sound.config))['encryption key']).toMatch(
    /^failed: .*sealing\.key is not the key of this database/,
  )
  rmSync(sound.key)
  expect((await runStoreCheck(sound.config))['encryption key']).toMatch(
    /^failed: .*sealing\.key is missing: restore it/,
  )
})

test('leaves an older and a newer database unchanged', async () => {
  using dir = tempDir()
  openDatabase(dir.path, { now: () => 0, migrations: [] }).close()
  const config = { dataDir: dir.path, hostLabel: 'x' }
  expect((await runStoreCheck(config)).migrations).toMatch(
    /^warning: .*the next start copies the database and migrates it/,
  )
  // This program cannot know what a newer database contains.
  expect(Object.keys(await runStoreCheck(config))).toEqual(['database', 'migrations'])
  expect((await runStoreCheck(config)).migrations).toContain('at migration 0,')
  using other = tempDir()
  const newer = [...migrations, { id: 9_999, name: 'future', sql: 'CREATE TABLE future (id INTEGER) STRICT' }]
  openDatabase(other.path, { now: () => 0, migrations: newer }).close()
  expect((await runStoreCheck({ dataDir: other.path, hostLabel: 'x' })).migrations).toMatch(
    /^failed: .*use the newer binary/,
  )
})

test('detects corruption', async () => {
  using broken = await createDataDir()
  flipByte(join(broken.config.dataDir, 'cikit-api.db'), 4096 * 2)
  expect((await runStoreCheck(broken.config)).database).toMatch(/^failed: corrupt \(.*restore a backup/)
})
