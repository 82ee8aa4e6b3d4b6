import { expect, test } from 'bun:test'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { migrations } from '../../src/store/migrations/index.ts'
import { currentMigration, diffWithCurrent, findPreMigrationBackup } from '../../src/store/pre-migration-backup.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createMigratedDataDir } from '../testkit/store/later-release.ts'
import { createAccount } from '../testkit/store/test-store.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const NEWEST = migrations.length
const noLoss = { users: 0, deletedUsers: 0, changedUsers: 0, auditRecords: 0, operations: 0 }

test('reads the newest migration of a data directory', async () => {
  using data = await createMigratedDataDir()
  expect(currentMigration(data.dataDir)).toBe(NEWEST + 1)
  using empty = tempDir()
  expect(currentMigration(empty.path)).toBe(0)
})

test('finds the newest copy that a program can read', async () => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(
    ({ db }) => void db.sql.run('INSERT INTO schema_migrations VALUES (?, ?, ?)', [NEWEST + 2, 'latest', 6_000]),
  )
  const latest = join(data.dataDir, `before-migration-${NEWEST + 2}.db`)
  copyFileSync(data.backup.path, latest)
  expect(findPreMigrationBackup(data.dataDir, NEWEST)).toEqual(data.backup)
  expect(findPreMigrationBackup(data.dataDir, NEWEST + 1)).toEqual({ path: latest, migration: NEWEST + 1, time: 6_000 })
  expect(findPreMigrationBackup(data.dataDir, NEWEST - 1)).toBeUndefined()
  rmSync(latest)
  expect(findPreMigrationBackup(data.dataDir, NEWEST + 1)).toEqual(data.backup)
})

test('reports no loss if nothing was written since the copy', async () => {
  using data = await createMigratedDataDir()
  expect(diffWithCurrent(data.dataDir, data.backup)).toEqual({
    ...noLoss,
    sessions: 1,
    isUnchanged: true,
    sameKey: true,
  })
})

test('counts the changes since the copy', async () => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(async ({ db, users, audit }) => {
    await db.write(() => {
      for (const name of ['bob', 'kim']) users.insert(createAccount(name))
      users.setGroup(createAccount('ann').id, 'manager')
      audit.record(TEST_ACTOR, 'ann')
      audit.record(TEST_ACTOR, 'bob')
    })
  })
  const since = { users: 2, changedUsers: 1, auditRecords: 2, sessions: 1, isUnchanged: false, sameKey: true }
  expect(diffWithCurrent(data.dataDir, data.backup)).toEqual({ ...noLoss, ...since })
  await data.withLaterRelease(({ db, users }) => db.write(() => void users.remove(createAccount('ann').id)))
  const gone = { deletedUsers: 1, changedUsers: 0, sessions: 0 }
  expect(diffWithCurrent(data.dataDir, data.backup)).toEqual({ ...noLoss, ...since, ...gone })
})

test.each<[string, string]>([
  ['a used code', 'UPDATE users SET last_step = 8'],
  ['an exchanged token', "UPDATE sessions SET refresh_hash = x'02'"],
  ['a used recovery code', 'DELETE FROM recovery_codes WHERE pending = 0'],
  ['an ended session', 'DELETE FROM sessions'],
])('%s counts as a change', async (_, statement) => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(({ db }) => void db.sql.run(statement))
  expect(diffWithCurrent(data.dataDir, data.backup).isUnchanged).toBe(false)
})

test('notices a key rotation since the copy', async () => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(({ db }) => void db.sql.run("UPDATE encryption_key_check SET key_hash = x'02'"))
  expect(diffWithCurrent(data.dataDir, data.backup).sameKey).toBe(false)
})
