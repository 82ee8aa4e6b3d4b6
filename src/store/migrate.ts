import { Database as Sqlite } from 'bun:sqlite'
import { renameSync, rmSync } from 'node:fs'
import { OperatorError } from '../core/errors.ts'
import { convertTables, developmentMigration, needsConversion } from './development-database.ts'
import { createPrivateFile, preMigrationFile, preMigrationTempFile } from './files.ts'
import { type Migration, migrations as ownMigrations } from './migrations/index.ts'

/**
 * Applies the migrations that the database lacks, each in a transaction that also records it. A database that is not
 * empty is copied first, to `before-migration-<N>.db` beside it. A development build's database is converted.
 * @param db a connection with `foreign_keys` off
 * @throws OperatorError for a database of a newer version, or of an early development build
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
  const hasData = applied > 0 || needsConversion(db)
  const tempCopy = hasData && applied < newest ? copyToTempFile(db, dataDir) : undefined
  try {
    for (const migration of migrations) {
      db.transaction(() => {
        // Checked again inside the transaction: another process may have migrated in the meantime.
        if (appliedMigration(db) >= migration.id) return
        if (tempCopy && migration.id === applied + 1) renameSync(tempCopy, preMigrationFile(dataDir, migration.id))
        apply(db, migration, now)
      }).immediate()
    }
  } finally {
    if (tempCopy) rmSync(tempCopy, { force: true })
  }
}

/**
 * Converts a copy of a development build's database, which nobody else has open; leaves any other file as it is.
 * @returns the migration of the development build; undefined when there was nothing to convert
 * @throws OperatorError for an early development build
 */
export function convertCopy(path: string): number | undefined {
  using db = new Sqlite(path, { readwrite: true, create: false })
  return db
    .transaction(() => {
      const [schema] = ownMigrations
      const migration = developmentMigration(db)
      if (!schema || !needsConversion(db)) return undefined
      apply(db, schema, Date.now())
      return migration
    })
    .immediate()
}

/** The newest migration of a database; 0 for an empty database and for one of a development build. */
export function appliedMigration(db: Sqlite): number {
  const table = db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'").get()
  if (!table) return 0
  const row = db.query<{ id: number | null }, []>('SELECT max(id) AS id FROM schema_migrations').get()
  return row?.id ?? 0
}

function apply(db: Sqlite, { id, name, sql }: Migration, now: number): void {
  if (id === 1 && needsConversion(db)) convertTables(db, sql)
  else db.run(sql)
  db.run(
    'CREATE TABLE IF NOT EXISTS schema_migrations (id INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
  )
  db.query('INSERT INTO schema_migrations (id, name, applied_at) VALUES (?, ?, ?)').run(id, name, now)
}

/** The copy is renamed in the transaction that migrates, so that a second process does not replace it. */
function copyToTempFile(db: Sqlite, dataDir: string): string {
  const path = preMigrationTempFile(dataDir)
  // VACUUM INTO accepts an empty file, which has our mode before the first byte is written.
  createPrivateFile(path, { empty: true })
  db.query('VACUUM INTO ?').run(path)
  return path
}
