import { join } from 'node:path'
import { openDatabase } from '../../../src/store/database.ts'
import { createReadCache } from '../../../src/store/read-cache.ts'
import { memoryDir } from '../temp-dir.ts'

const sql = `
  CREATE TABLE t (n INTEGER PRIMARY KEY, data BLOB);
  CREATE TABLE child (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED);`

/** A database with a table of numbers, for tests of the write queue. */
export function openNumberTable() {
  const dir = memoryDir()
  const db = openDatabase(dir.path, { now: () => 0, migrations: [{ id: 1, name: 't', sql }] })
  const insertRow = (n: number | null = null, bytes = 0): void =>
    void db.sql.query('INSERT INTO t VALUES (?, ?)').run(n, new Uint8Array(bytes))
  const cachedCount = createReadCache(db, (_: 'all') =>
    db.sql.query<{ n: number }, []>('SELECT count(*) AS n FROM t').get(),
  )
  return {
    db,
    path: join(dir.path, 'cikit-api.db'),
    /** Adds a row; call it inside a write. */
    insertRow,
    insert: (n?: number, bytes?: number): Promise<void> => db.write(() => insertRow(n, bytes)),
    rows: (): number[] =>
      db.sql
        .query<{ n: number }, []>('SELECT n FROM t ORDER BY n')
        .all()
        .map(row => row.n),
    /** The number of rows, cached by `createReadCache`. */
    count: (): number => cachedCount('all')?.n ?? Number.NaN,
    [Symbol.dispose]() {
      db.close()
      dir[Symbol.dispose]()
    },
  }
}
