import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkProperty } from '../testkit/properties/check-property.ts'
import { openNumberTable } from '../testkit/store/number-table.ts'

interface Write {
  action: 'put' | 'throw' | 'count' | 'orphan'
  n: number
  bytes: number
  /** How many turns of the event loop pass before it is asked for. */
  delayTurns: number
}

const write: fc.Arbitrary<Write> = fc.record({
  action: fc.oneof({ arbitrary: fc.constant('put' as const), weight: 4 }, fc.constantFrom('throw', 'count', 'orphan')),
  // Few, so that some are taken.
  n: fc.nat(9),
  // Of all that is asked for, some will not fit into the store.
  bytes: fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, fc.constantFrom(9_000, 30_000, 1_000_000)),
  delayTurns: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(2)),
})

test('writes that share transactions come to what they would come to one after another', async () => {
  await checkProperty('writes: like one after another', fc.array(write, { maxLength: 20 }), async writes => {
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
