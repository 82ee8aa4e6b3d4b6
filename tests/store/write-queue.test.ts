import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { statSync } from 'node:fs'
import type { WriteResult } from '../../src/store/write-queue.ts'
import { openNumberTable } from '../testkit/store/number-table.ts'

test('writes that wait at the same time share one commit', async () => {
  using table = openNumberTable()
  const walBytes = () => statSync(`${table.path}-wal`).size
  const walGrowthOf = async (count: number) => {
    const before = walBytes()
    await Promise.all(Array.from({ length: count }, () => table.insert()))
    return walBytes() - before
  }
  await table.insert()
  // The same number of pages, not ten times as many.
  expect(await walGrowthOf(10)).toBe(await walGrowthOf(1))
})

test('a write that throws is rolled back alone and rejects with its error', async () => {
  using table = openNumberTable()
  const outcomes = await Promise.allSettled([
    table.insert(1),
    table.db.write(() => {
      table.insertRow(2)
      throw new Error('no')
    }),
    table.insert(1),
    table.insert(3),
  ])
  expect(outcomes).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { message: 'no' } },
    { status: 'rejected', reason: { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' } },
    { status: 'fulfilled' },
  ])
  expect(table.rows()).toEqual([1, 3])
})

test('watchers receive the outcome of each write', async () => {
  using table = openNumberTable()
  const results: WriteResult[] = []
  const unwatch = table.db.watchWrites(end => results.push(end))
  await Promise.allSettled([table.insert(1), table.insert(1), table.db.write(() => Promise.reject(new Error('no')))])
  const failingWork = (): never => {
    throw new Error('no')
  }
  await table.db.write(failingWork).catch(() => undefined)
  table.db.sql.run('PRAGMA query_only = ON')
  await expect(table.insert()).rejects.toMatchObject({ errorId: 922 })
  table.db.sql.run('PRAGMA query_only = OFF')
  unwatch()
  await table.insert()
  expect(results.map(({ outcome }) => outcome)).toEqual(['stored', 'withdrawn', 'stored', 'withdrawn', 'failed'])
  for (const { ms } of results) expect(ms).toBeWithin(0, 5_000)
})

test('results are delivered after the commit', async () => {
  using table = openNumberTable()
  using other = new Sqlite(table.path)
  const seen: unknown[] = []
  const countRows = () => seen.push(other.query('SELECT count(*) AS rows FROM t').get())
  const failingWork = (): never => {
    throw new Error('no')
  }
  await Promise.all([
    table.insert().then(countRows),
    table.db.write(failingWork).catch(countRows),
    table.insert().then(countRows),
    table.insert().then(countRows),
  ])
  expect(seen).toEqual(Array(4).fill({ rows: 3 }))
})

test('at most 64 writes share a transaction, and requests run in between', async () => {
  using table = openNumberTable()
  using other = new Sqlite(table.path)
  let turns = 0
  let isDone = false
  const turn = () => {
    turns += 1
    if (!isDone) setImmediate(turn)
  }
  turn()
  const writes = Array.from({ length: 200 }, () => table.insert())
  await writes[63]
  expect(other.query('SELECT count(*) AS rows FROM t').get()).toEqual({ rows: 64 })
  await writes[199]
  isDone = true
  expect(turns).toBeGreaterThan(3)
  expect(table.rows()).toHaveLength(200)
})

test('a write that exceeds the space fails, and the others succeed', async () => {
  using table = openNumberTable()
  table.db.sql.run('PRAGMA max_page_count = 20')
  const outcomes = await Promise.allSettled([table.insert(1), table.insert(2, 1_000_000), table.insert(3)])
  expect(outcomes).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { errorId: 922, cause: { code: 'SQLITE_FULL' } } },
    { status: 'fulfilled' },
  ])
  expect(table.rows()).toEqual([1, 3])
})

test('when a commit fails, only the write that caused it fails', async () => {
  using table = openNumberTable()
  const orphan = () => table.db.write(() => void table.db.sql.run('INSERT INTO child VALUES (99)'))
  const outcomes = await Promise.allSettled([table.insert(1), orphan(), table.insert(2)])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toMatchObject({ reason: expect.any(SQLiteError) })
  expect(table.rows()).toEqual([1, 2])
  expect(table.count()).toBe(2)
})

test('each write reads, also from the cache, committed and earlier writes but nothing rolled back', async () => {
  using table = openNumberTable()
  expect(table.count()).toBe(0)
  const counts = await Promise.all([
    table.db.write(table.count),
    table.insert(1).then(() => undefined),
    table.db.write(table.count),
    table.db
      .write(() => {
        table.insertRow(2)
        throw new Error(`${table.count()}`)
      })
      .catch(() => undefined),
    table.db.write(table.count),
  ])
  expect(counts).toEqual([0, undefined, 1, undefined, 1])
  expect(table.count()).toBe(1)
})

test('reads inside a rolled-back transaction are not cached', async () => {
  using table = openNumberTable()
  table.db.sql.run('PRAGMA max_page_count = 20')
  const counted: number[] = []
  const outcomes = await Promise.allSettled([
    table.insert(1),
    table.db.write(() => {
      counted.push(table.count())
      table.insertRow(2, 1_000_000)
    }),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(counted).toEqual([1, 1])
  const full = table.db.write(() => {
    table.insertRow(3)
    table.db.sql.run('INSERT INTO child VALUES (99)')
    counted.push(table.count())
  })
  await full.catch(() => undefined)
  expect(counted).toEqual([1, 1, 2])
  expect(table.count()).toBe(1)
})

test('a transaction reads commits of other processes from before its start', async () => {
  using table = openNumberTable()
  using other = new Sqlite(table.path)
  // In the same turn of the event loop as the transaction's start, but before it.
  setImmediate(() => {
    expect(table.count()).toBe(0)
    other.run('INSERT INTO t VALUES (1, NULL)')
  })
  expect(await table.db.write(table.count)).toBe(1)
})

test('each write has its own timeout for the lock', async () => {
  using table = openNumberTable()
  using other = new Sqlite(table.path)
  other.run('BEGIN IMMEDIATE')
  const start = performance.now()
  const first = table.insert(1).catch((error: unknown) => error)
  // The second write begins later, so it still waits when the first gives up.
  await Bun.sleep(300)
  let second: unknown = 'waits'
  const later = table.insert(2).then(() => {
    second = 'written'
  })
  expect(await first).toMatchObject({ errorId: 922, cause: expect.any(SQLiteError) })
  expect(second).toBe('waits')
  expect(performance.now() - start).toBeWithin(5_000, 10_000)
  other.run('ROLLBACK')
  await later
  expect(table.rows()).toEqual([2])
}, 20_000)

test('closing the store rejects queued writes', async () => {
  const table = openNumberTable()
  const written = table.insert(1)
  table[Symbol.dispose]()
  await expect(written).rejects.toThrow('closed')
  await expect(table.insert(2)).rejects.toThrow('closed')
}, 2_000)
