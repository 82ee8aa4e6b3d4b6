import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../src/core/errors.ts'
import { openDatabase } from '../../src/store/database.ts'
import { type Migration, migrations } from '../../src/store/migrations/index.ts'
import { fileMode, setUmask } from '../testkit/file-modes.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const first: Migration = { id: 1, name: 'notes', sql: 'CREATE TABLE notes (text TEXT); CREATE TABLE more (text TEXT)' }
const second: Migration = { id: 2, name: 'authors', sql: 'ALTER TABLE notes ADD COLUMN author TEXT' }
const failing: Migration = { id: 2, name: 'failing', sql: 'DROP TABLE notes; INSERT INTO nowhere VALUES (1)' }

function open(dataDir: string, migrationList: readonly Migration[], now = 0) {
  return openDatabase(dataDir, { now: () => now, migrations: migrationList })
}

function createDatabaseWithNote(dataDir: string) {
  const db = open(dataDir, [first], 1_000)
  db.sql.run("INSERT INTO notes VALUES ('kept')")
  db.close()
}

function columnsOf(sql: Sqlite, table: string): string[] {
  return sql
    .query<{ name: string }, [string]>('SELECT name FROM pragma_table_info(?)')
    .all(table)
    .map(({ name }) => name)
}

test('released migrations never change', () => {
  const hashes = migrations.map(({ sql }) => createHash('sha256').update(sql).digest('hex'))
  // May be updated until the first release is tagged, never after: add a migration instead.
  expect(hashes).toEqual(['3cdc7a2cad46391d9083b6f371da39c25c507091b88b6a01f6dbc1c8f9766193'])
})

test('migrations are numbered from 1 on without gaps', () => {
  expect(migrations.map(({ id }) => id)).toEqual(migrations.map((_, index) => index + 1))
})

test('a new database is migrated without a copy', () => {
  using dir = tempDir()
  const db = open(dir.path, [first, second], 1_000)
  expect(db.sql.query('SELECT * FROM schema_migrations ORDER BY id').all()).toEqual([
    { id: 1, name: 'notes', applied_at: 1_000 },
    { id: 2, name: 'authors', applied_at: 1_000 },
  ])
  expect(columnsOf(db.sql, 'more')).toEqual(['text'])
  db.close()
  expect(readdirSync(dir.path)).toEqual(['cikit-api.db'])
})

test('an existing database is copied (0600) before it is migrated', () => {
  using _ = setUmask(0)
  using dir = tempDir()
  createDatabaseWithNote(dir.path)
  const db = open(dir.path, [first, second])
  expect(db.sql.query('SELECT * FROM notes').all()).toEqual([{ text: 'kept', author: null }])
  db.close()

  const copyFile = join(dir.path, 'before-migration-2.db')
  expect(fileMode(copyFile)).toBe('600')
  using copy = new Sqlite(copyFile, { readonly: true })
  expect(columnsOf(copy, 'notes')).toEqual(['text'])
  expect(copy.query('SELECT * FROM notes').all()).toEqual([{ text: 'kept' }])
  expect(copy.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
})

test('an up-to-date database is not copied', () => {
  using dir = tempDir()
  createDatabaseWithNote(dir.path)
  open(dir.path, [first]).close()
  expect(readdirSync(dir.path)).toEqual(['cikit-api.db'])
})

test('a failed migration leaves the database unchanged', () => {
  using dir = tempDir()
  createDatabaseWithNote(dir.path)
  expect(() => open(dir.path, [first, failing])).toThrow(OperatorError)
  expect(existsSync(join(dir.path, 'before-migration-2.db'))).toBe(true)

  const db = open(dir.path, [first])
  expect(db.sql.query('SELECT * FROM notes').all()).toEqual([{ text: 'kept' }])
  expect(db.sql.query('SELECT id FROM schema_migrations').all()).toEqual([{ id: 1 }])
  db.close()
})

test('after a failed migration, a fixed one succeeds and replaces the copy', () => {
  using dir = tempDir()
  createDatabaseWithNote(dir.path)
  expect(() => open(dir.path, [first, failing])).toThrow()
  const db = open(dir.path, [first, second])
  expect(columnsOf(db.sql, 'notes')).toEqual(['text', 'author'])
  db.close()
  using copy = new Sqlite(join(dir.path, 'before-migration-2.db'), { readonly: true })
  expect(columnsOf(copy, 'notes')).toEqual(['text'])
})

test('a newer database is rejected and not changed', () => {
  using dir = tempDir()
  open(dir.path, [first, second]).close()
  expect(() => open(dir.path, [first])).toThrow(OperatorError)
  expect(() => open(dir.path, [first])).toThrow(
    /newer cikit-api \(migration 2, this one knows 1\): use the newer binary/,
  )
  const db = open(dir.path, [first, second])
  expect(columnsOf(db.sql, 'notes')).toEqual(['text', 'author'])
  db.close()
  expect(readdirSync(dir.path)).toEqual(['cikit-api.db'])
})
