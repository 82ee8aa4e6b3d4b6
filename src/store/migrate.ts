import type { Database as Sqlite } from 'bun:sqlite'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../core/errors.ts'
import { createPrivateFile } from './files.ts'
import type { Migration } from './migrations/index.ts'

/**
 * Brings the database to the newest migration: each one runs in a transaction of its own and is recorded there.
 * A database that holds something already is copied first, to `before-migration-<N>.db` beside it.
 * @throws OperatorError when the database was written by a newer version of the program
 */
export function migrate(db: Sqlite, options: { dataDir: string; migrations: readonly Migration[]; now: number }): void {
  const { dataDir, migrations, now } = options
  const newest = migrations.at(-1)?.id ?? 0
  const applied = appliedMigration(db)
  if (applied > newest) {
    throw new OperatorError(
      `The database in ${dataDir} was written by a newer cikit-api (migration ${applied}, this one knows ${newest}): use the newer binary`,
    )
  }
  const tempCopy = applied > 0 && applied < newest ? copyToTempFile(db, dataDir) : undefined
  try {
    for (const migration of migrations) {
      db.transaction(() => {
        // Asked again inside the transaction: another process may have migrated meanwhile.
        if (appliedMigration(db) >= migration.id) return
        if (tempCopy && migration.id === applied + 1)
          renameSync(tempCopy, join(dataDir, `before-migration-${migration.id}.db`))
        db.run(
          'CREATE TABLE IF NOT EXISTS migrations (id INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
        )
        db.run(migration.sql)
        db.query('INSERT INTO migrations (id, name, applied_at) VALUES (?, ?, ?)').run(
          migration.id,
          migration.name,
          now,
        )
      }).immediate()
    }
  } finally {
    if (tempCopy) rmSync(tempCopy, { force: true })
  }
}

/** The number of the newest migration that a database has; 0 for one that has none. */
export function appliedMigration(db: Sqlite): number {
  const table = db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'").get()
  if (!table) return 0
  const row = db.query<{ id: number | null }, []>('SELECT max(id) AS id FROM migrations').get()
  return row?.id ?? 0
}

/** The copy gets its name only in the transaction that migrates: a process that comes second must not replace it. */
function copyToTempFile(db: Sqlite, dataDir: string): string {
  const path = join(dataDir, `before-migration.${process.pid}`)
  // VACUUM INTO accepts an existing file if it is empty, which lets the mode be ours before the first byte is written.
  createPrivateFile(path, { empty: true })
  db.query('VACUUM INTO ?').run(path)
  return path
}
