import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { openDatabase } from '../../src/store/database.ts'
import { createReadCache } from '../../src/store/read-cache.ts'
import { tempDir } from '../testkit/temp-dir.ts'

function createCountedTable() {
  const dir = tempDir()
  const db = openDatabase(dir.path, { now: () => 0, migrations: [{ id: 1, name: 't', sql: 'CREATE TABLE t (n INT)' }] })
  let reads = 0
  const count = (): number => db.sql.query<{ n: number }, []>('SELECT count(*) AS n FROM t').get()?.n ?? Number.NaN
  const cached = createReadCache(
    db,
    (key: string) => {
      reads += 1
      return key === 'absent' ? undefined : count()
    },
    3,
  )
  return {
    db,
    path: join(dir.path, 'cikit-api.db'),
    cached,
    reads: () => reads,
    [Symbol.dispose]() {
      db.close()
      dir[Symbol.dispose]()
    },
  }
}

test('reads a value once', () => {
  using table = createCountedTable()
  expect([table.cached('all'), table.cached('all')]).toEqual([0, 0])
  expect(table.reads()).toBe(1)
})

test('our own commits take effect at once', async () => {
  using table = createCountedTable()
  expect(table.cached('all')).toBe(0)
  await table.db.write(() => table.db.sql.run('INSERT INTO t VALUES (1)'))
  expect(table.cached('all')).toBe(1)
})

test('commits of other connections take effect in the next turn of the event loop', async () => {
  using table = createCountedTable()
  expect(table.cached('all')).toBe(0)
  using other = new Sqlite(table.path)
  other.run('INSERT INTO t VALUES (1)')
  await new Promise(setImmediate)
  expect(table.cached('all')).toBe(1)
})

test('a rolled-back transaction does not affect the cache', async () => {
  using table = createCountedTable()
  expect(table.cached('all')).toBe(0)
  const failed = table.db.write(() => {
    table.db.sql.run('INSERT INTO t VALUES (1)')
    throw new Error('no')
  })
  expect(await failed.catch(error => error.message)).toBe('no')
  expect(table.cached('all')).toBe(0)
})

test('missing values are not cached', () => {
  using table = createCountedTable()
  expect([table.cached('absent'), table.cached('absent')]).toEqual([undefined, undefined])
  expect(table.reads()).toBe(2)
})

test('reaching the limit clears the cache', () => {
  using table = createCountedTable()
  for (const key of ['a', 'b', 'c', 'd', 'a']) expect(table.cached(key)).toBe(0)
  expect(table.reads()).toBe(5)
})
