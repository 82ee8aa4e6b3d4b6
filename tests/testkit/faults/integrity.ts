import { Database as Sqlite } from 'bun:sqlite'
import { join } from 'node:path'

/** @returns `ok` if SQLite finds no damage in the database of a data directory, else the first finding */
export function integrityOf(dataDir: string): string | undefined {
  using db = new Sqlite(join(dataDir, 'cikit-api.db'), { readonly: true })
  return db.query<{ integrity_check: string }, []>('PRAGMA integrity_check').get()?.integrity_check
}
