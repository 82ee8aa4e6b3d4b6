import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { holds } from '../_support/properties.ts'
import { openTable } from '../_support/table.ts'

interface Write {
  does: 'put' | 'throw' | 'count' | 'orphan'
  n: number
  bytes: number
  /** How many turns of the event loop pass before it is asked for. */
  after: number
}

const write: fc.Arbitrary<Write> = fc.record({
  does: fc.oneof({ arbitrary: fc.constant('put' as const), weight: 4 }, fc.constantFrom('throw', 'count', 'orphan')),
  // Few, so that some are taken.
  n: fc.nat(9),
  // Of all that is asked for, some will not fit into the store.
  bytes: fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, fc.constantFrom(9_000, 30_000, 1_000_000)),
  after: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(2)),
})

test('writes that share transactions come to what they would come to one after another', async () => {
  await holds('writes: like one after another', fc.array(write, { maxLength: 20 }), async writes => {
    expect(await results(writes, true)).toEqual(await results(writes, false))
  })
}, 120_000)

async function results(writes: Write[], together: boolean) {
  using table = openTable()
  table.db.sql.run('PRAGMA max_page_count = 25')
  const outcomes: Promise<unknown>[] = []
  for (const { does, n, bytes, after } of writes) {
    for (let turn = 0; turn < after; turn++) await new Promise(setImmediate)
    const written = table.db.write(() => {
      if (does === 'count') return table.count()
      if (does === 'orphan') return void table.db.sql.run('INSERT INTO child VALUES (99)')
      table.put(n, bytes)
      if (does === 'throw') throw new Error('no')
      return table.rows()
    })
    outcomes.push(written.catch(error => `${error}: ${error.cause}`))
    if (!together) await outcomes.at(-1)
  }
  return { outcomes: await Promise.all(outcomes), rows: table.rows(), count: table.count() }
}
