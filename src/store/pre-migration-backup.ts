import { Database as Sqlite } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import type { Database } from './database.ts'
import { bytesEqual, createKeyCheck } from './encryption-key.ts'
import { databaseFile, listPreMigrationFiles, preMigrationFile } from './files.ts'
import { appliedMigration } from './migrate.ts'

/** A copy of the database from before a migration. */
export interface PreMigrationBackup {
  path: string
  /** Its newest migration. */
  migration: number
  /** Creation time, milliseconds since 1970. */
  time: number
}

/** The data that is lost when the copy replaces the current database. */
export interface RollbackLoss {
  /** Created since the copy. */
  users: number
  /** Deleted since the copy. */
  deletedUsers: number
  /** Group or secret changed since the copy. */
  changedUsers: number
  /** All current sessions. */
  sessions: number
  auditRecords: number
  operations: number
  /** Whether nothing was written since the copy. */
  isUnchanged: boolean
  /** Whether both are encrypted with the same key. */
  sameKey: boolean
}

/** Columns that identify a row and its state. */
const identityColumns = {
  users: 'id, username, user_group, secret, last_step',
  sessions: 'id, user_id, access_hash, refresh_hash',
  enrolments: 'user_id, token_hash, secret',
  recovery_codes: 'user_id, hash, pending',
  provisioning_journal: 'mark',
  operations: 'id, state',
  audit: 'number, mac',
}

/** The newest migration of a data directory; 0 where no release has written a database. */
export function currentMigration(dataDir: string): number {
  if (!existsSync(databaseFile(dataDir))) return 0
  using sql = openCurrent(dataDir)
  return appliedMigration(sql)
}

/** The newest copy of the database that a program with this newest migration can read. */
export function findPreMigrationBackup(dataDir: string, migration: number): PreMigrationBackup | undefined {
  using sql = openCurrent(dataDir)
  // The copy from before migration 1 is of a development build, which releases cannot read.
  const applied = sql
    .query<{ id: number; time: number }, [number]>(
      'SELECT id, applied_at AS time FROM schema_migrations WHERE id BETWEEN 2 AND ? ORDER BY id DESC',
    )
    .all(migration + 1)
  const copies = listPreMigrationFiles(dataDir)
  const newest = applied.find(({ id }) => copies.includes(id))
  return newest && { path: preMigrationFile(dataDir, newest.id), migration: newest.id - 1, time: newest.time }
}

/** Compares the current database, which may be in use, with a copy. */
export function diffWithCurrent(dataDir: string, backup: PreMigrationBackup): RollbackLoss {
  using sql = openCurrent(dataDir)
  sql.query('ATTACH ? AS past').run(backup.path)
  const count = (text: string) => sql.query<{ count: number }, []>(text).get()?.count ?? 0
  const isInBackup = (table: string) =>
    sql.query("SELECT 1 FROM past.sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== null
  const countDifferences = (table: string, columns: string) =>
    count(`
      SELECT (SELECT count(*) FROM (SELECT ${columns} FROM main.${table} EXCEPT SELECT ${columns} FROM past.${table}))
           + (SELECT count(*) FROM (SELECT ${columns} FROM past.${table} EXCEPT SELECT ${columns} FROM main.${table})) AS count`)
  const commonTables = Object.entries(identityColumns).filter(([table]) => isInBackup(table))
  const backupKeyCheck = sql
    .query<{ hash: Uint8Array }, []>('SELECT key_hash AS hash FROM past.encryption_key_check')
    .get()
  return {
    users: count('SELECT count(*) AS count FROM main.users WHERE id NOT IN (SELECT id FROM past.users)'),
    deletedUsers: count('SELECT count(*) AS count FROM past.users WHERE id NOT IN (SELECT id FROM main.users)'),
    changedUsers: count(`
      SELECT count(*) AS count FROM main.users AS now JOIN past.users AS was USING (id)
      WHERE now.user_group <> was.user_group OR now.secret <> was.secret`),
    sessions: count('SELECT count(*) AS count FROM main.sessions'),
    auditRecords: count(`
      SELECT coalesce((SELECT max(number) FROM main.audit), 0) - coalesce((SELECT max(number) FROM past.audit), 0) AS count`),
    operations: isInBackup('operations')
      ? count('SELECT count(*) AS count FROM main.operations WHERE id NOT IN (SELECT id FROM past.operations)')
      : count('SELECT count(*) AS count FROM main.operations'),
    isUnchanged: commonTables.every(([table, columns]) => countDifferences(table, columns) === 0),
    sameKey: bytesEqual(createKeyCheck({ sql }).get()?.hash, backupKeyCheck?.hash),
  }
}

/**
 * Carries over data that a rollback must keep: the provisioning journal, used codes and recovery codes, and the clock.
 * @param db the copy
 * @param dataDir contains the current database
 */
export async function carryForward(db: Database, dataDir: string): Promise<void> {
  db.sql.query('ATTACH ? AS present').run(databaseFile(dataDir))
  await db.write(() => {
    db.sql.run(
      'INSERT OR IGNORE INTO main.provisioning_journal SELECT mark, name, started_at FROM present.provisioning_journal',
    )
    db.sql.run(`
      UPDATE main.users SET last_step =
        max(last_step, coalesce((SELECT now.last_step FROM present.users AS now WHERE now.id = users.id), -1))`)
    db.sql.run(`
      DELETE FROM main.recovery_codes WHERE NOT EXISTS (
        SELECT 1 FROM present.recovery_codes AS now
        WHERE now.user_id = main.recovery_codes.user_id AND now.hash = main.recovery_codes.hash)`)
    db.sql.run(
      'UPDATE main.clock_high_water_mark SET time = max(time, (SELECT max(time) FROM present.clock_high_water_mark))',
    )
  })
  db.sql.run('DETACH present')
}

function openCurrent(dataDir: string): Sqlite {
  const sql = new Sqlite(databaseFile(dataDir), { readwrite: true, create: false })
  sql.run('PRAGMA busy_timeout = 5000')
  return sql
}
