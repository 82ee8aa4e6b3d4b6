import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkProperty } from '../testkit/properties/check-property.ts'
import { openNumberTable } from '../testkit/store/number-table.ts'

interface Write {
  action: 'put' | 'throw' | 'count' | 'orphan'
  n: number
  bytes: number
  /** Turns of the event loop before the write is requested. */
  delayTurns: number
}

const write: fc.Arbitrary<Write> = fc.record({
  action: fc.oneof({ arbitrary: fc.constant('put' as const), weight: 4 }, fc.constantFrom('throw', 'count', 'orphan')),
  // Few values, so that some collide.
  n: fc.nat(9),
  // Large enough that some writes exceed the size limit of the store.
  bytes: fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, fc.constantFrom(9_000, 30_000, 1_000_000)),
  delayTurns: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(2)),
})

test('concurrent writes have the same results as sequential ones', async () => {
  await checkProperty('writes: serializable', fc.array(write, { maxLength: 20 }), async writes => {
    expect(await runWrites(writes, true)).toEqual(await runWrites(writes, false))
  })
}, 120_000)

async function runWrites(writes: Write[], isConcurrent: boolean) {
  using table = openNumberTable()
  table.db.sql.run('PRAGMA max_page_count = 25')
  const outcomes: Promise<unknown>[] = []
  for (const { action, n, bytes, delayTurns } of writes) {
    for (let turn = 0; turn < delayTurns; turn++) await new Promise(setImmediate)
    const pendingWrite = table.db.write(() => {
      if (action === 'count') return table.count()
      if (action === 'orphan') return void table.db.sql.run('INSERT INTO child VALUES (99)')
      table.insertRow(n, bytes)
      if (action === 'throw') throw new Error('no')
      return table.rows()
    })
    outcomes.push(pendingWrite.catch(error => `${error}: ${error.cause}`))
    if (!isConcurrent) await outcomes.at(-1)
  }
  return { outcomes: await Promise.all(outcomes), rows: table.rows(), count: table.count() }
}
