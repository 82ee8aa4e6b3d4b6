import { expect, test } from 'bun:test'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compareWith, findCopy, migrationOf } from '../../src/store/earlier.ts'
import { migrations } from '../../src/store/migrations/index.ts'
import { ACT } from '../_support/act.ts'
import { createMigrated } from '../_support/later.ts'
import { accountOf } from '../_support/store.ts'
import { tempDir } from '../_support/temp-dir.ts'

const NEWEST = migrations.length
const none = { users: 0, deletedUsers: 0, changedUsers: 0, auditRecords: 0, operations: 0 }

test('the newest migration of a data directory', async () => {
  using data = await createMigrated()
  expect(migrationOf(data.dataDir)).toBe(NEWEST + 1)
  using empty = tempDir()
  expect(migrationOf(empty.path)).toBe(0)
})

test('the copy for a program is the newest that it can read', async () => {
  using data = await createMigrated()
  copyFileSync(data.copy.path, join(data.dataDir, 'before-migration-3.db'))
  expect(findCopy(data.dataDir, NEWEST)).toEqual(data.copy)
  expect(findCopy(data.dataDir, NEWEST - 1)).toMatchObject({ migration: 2, time: 5_000 })
  expect(findCopy(data.dataDir, 1)).toBeUndefined()
  rmSync(data.copy.path)
  expect(findCopy(data.dataDir, NEWEST)).toMatchObject({ migration: 2 })
})

test('where nothing was written since, nothing would be lost', async () => {
  using data = await createMigrated()
  expect(compareWith(data.dataDir, data.copy)).toEqual({ ...none, sessions: 1, nothing: true, sameKey: true })
})

test('what was done since is counted', async () => {
  using data = await createMigrated()
  await data.later(async ({ db, users, audit }) => {
    await db.write(() => {
      for (const name of ['bob', 'kim']) users.insert(accountOf(name))
      users.setGroup(accountOf('ann').id, 'manager')
      audit.record(ACT, 'ann')
      audit.record(ACT, 'bob')
    })
  })
  const since = { users: 2, changedUsers: 1, auditRecords: 2, sessions: 1, nothing: false, sameKey: true }
  expect(compareWith(data.dataDir, data.copy)).toEqual({ ...none, ...since })
  await data.later(({ db, users }) => db.write(() => void users.remove(accountOf('ann').id)))
  const gone = { deletedUsers: 1, changedUsers: 0, sessions: 0 }
  expect(compareWith(data.dataDir, data.copy)).toEqual({ ...none, ...since, ...gone })
})

test.each<[string, string]>([
  ['a code that was used', 'UPDATE users SET last_step = 8'],
  ['a token that was exchanged', "UPDATE sessions SET refresh_hash = x'02'"],
  ['a recovery code that was used', 'DELETE FROM recovery_codes WHERE pending = 0'],
  ['a session that ended', 'DELETE FROM sessions'],
])('%s since is not nothing', async (_, statement) => {
  using data = await createMigrated()
  await data.later(({ db }) => void db.sql.run(statement))
  expect(compareWith(data.dataDir, data.copy).nothing).toBe(false)
})

test('a key that was replaced since is noticed', async () => {
  using data = await createMigrated()
  await data.later(({ db }) => void db.sql.run("UPDATE sealing_check SET key_hash = x'02'"))
  expect(compareWith(data.dataDir, data.copy).sameKey).toBe(false)
})
