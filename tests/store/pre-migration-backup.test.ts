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

test('the newest migration of a data directory', async () => {
  using data = await createMigratedDataDir()
  expect(currentMigration(data.dataDir)).toBe(NEWEST + 1)
  using empty = tempDir()
  expect(currentMigration(empty.path)).toBe(0)
})

test('the copy for a program is the newest that it can read', async () => {
  using data = await createMigratedDataDir()
  copyFileSync(data.backup.path, join(data.dataDir, 'before-migration-3.db'))
  expect(findPreMigrationBackup(data.dataDir, NEWEST)).toEqual(data.backup)
  expect(findPreMigrationBackup(data.dataDir, NEWEST - 1)).toMatchObject({ migration: 2, time: 5_000 })
  expect(findPreMigrationBackup(data.dataDir, 1)).toBeUndefined()
  rmSync(data.backup.path)
  expect(findPreMigrationBackup(data.dataDir, NEWEST)).toMatchObject({ migration: 2 })
})

test('where nothing was written since, nothing would be lost', async () => {
  using data = await createMigratedDataDir()
  expect(diffWithCurrent(data.dataDir, data.backup)).toEqual({
    ...noLoss,
    sessions: 1,
    isUnchanged: true,
    sameKey: true,
  })
})

test('what was done since is counted', async () => {
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
  ['a code that was used', 'UPDATE users SET last_step = 8'],
  ['a token that was exchanged', "UPDATE sessions SET refresh_hash = x'02'"],
  ['a recovery code that was used', 'DELETE FROM recovery_codes WHERE pending = 0'],
  ['a session that ended', 'DELETE FROM sessions'],
])('%s since is not nothing', async (_, statement) => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(({ db }) => void db.sql.run(statement))
  expect(diffWithCurrent(data.dataDir, data.backup).isUnchanged).toBe(false)
})

test('a key that was replaced since is noticed', async () => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(({ db }) => void db.sql.run("UPDATE sealing_check SET key_hash = x'02'"))
  expect(diffWithCurrent(data.dataDir, data.backup).sameKey).toBe(false)
})
