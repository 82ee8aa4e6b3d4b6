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

/** A data directory as a command on the host leaves it. */
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

test('a sound system is as it should be', async () => {
  using sound = await createDataDir()
  const newest = migrations.at(-1)?.id
  expect(await runStoreCheck(sound.config)).toEqual({
    database: 'ok: no corruption found',
    migrations: `ok: the database is at migration ${newest}`,
    'sealing key': `ok: ${sound.key} is the key of this database`,
    owner: 'ok: own (1 user in total)',
  })
})

test('without an owner it says how to make one', async () => {
  using empty = await createDataDir({ owner: false })
  expect((await runStoreCheck(empty.config)).owner).toMatch(/^warning: .*create-user -u NAME -g owner/)
})

test('before the first start nothing is made', async () => {
  using dir = tempDir()
  expect(await runStoreCheck({ dataDir: dir.path, hostLabel: 'x' })).toEqual({
    database: 'warning: does not exist yet: the first start creates it',
  })
})

test('a key that is lost or another is told, and none is made', async () => {
  using sound = await createDataDir()
  writeFileSync(sound.key, `${'0'.repeat(64)}\n`)
  expect((await runStoreCheck(sound.config))['sealing key']).toMatch(
    /^failed: .*sealing\.key is not the key of this database/,
  )
  rmSync(sound.key)
  expect((await runStoreCheck(sound.config))['sealing key']).toMatch(/^failed: .*sealing\.key is missing: restore it/)
})

test('a database that is to be migrated is left as it is, and so is a newer one', async () => {
  using dir = tempDir()
  openDatabase(dir.path, { now: () => 0, migrations: [] }).close()
  const config = { dataDir: dir.path, hostLabel: 'x' }
  expect((await runStoreCheck(config)).migrations).toMatch(
    /^warning: .*the next start copies the database and migrates it/,
  )
  // What it may hold, this program does not know.
  expect(Object.keys(await runStoreCheck(config))).toEqual(['database', 'migrations'])
  expect((await runStoreCheck(config)).migrations).toContain('at migration 0,')
  using other = tempDir()
  const newer = [...migrations, { id: 9_999, name: 'future', sql: 'CREATE TABLE future (id INTEGER) STRICT' }]
  openDatabase(other.path, { now: () => 0, migrations: newer }).close()
  expect((await runStoreCheck({ dataDir: other.path, hostLabel: 'x' })).migrations).toMatch(
    /^failed: .*use the newer binary/,
  )
})

test('damage is found', async () => {
  using broken = await createDataDir()
  flipByte(join(broken.config.dataDir, 'cikit-api.db'), 4096 * 2)
  expect((await runStoreCheck(broken.config)).database).toMatch(/^failed: corrupt \(.*restore a backup/)
})
