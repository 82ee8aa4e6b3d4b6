import { expect, test } from 'bun:test'
import { createLaneStore } from '../../src/store/lanes.ts'
import { createTestStore } from '../_support/store.ts'

const failedAt = (lastFailureAt: number) => ({
  consecutive: 1,
  lockedUntil: 0,
  windowFailures: 1,
  windowStartsAt: 0,
  lastFailureAt,
})

test('of the addresses those that failed last are kept, and every lane of users and of strangers', async () => {
  using store = createTestStore()
  const lanes = createLaneStore(store.db)
  await store.db.write(() => {
    lanes.put('strangers:7', failedAt(0))
    lanes.put('user:ada:address:192.0.2.1', failedAt(0))
    for (const time of [1, 2, 3]) lanes.put(`address:192.0.2.${time}`, failedAt(time))
    lanes.keepNewestAddresses(2)
  })
  const kept = store.db.sql.query<{ lane: string }, []>('SELECT lane FROM lanes ORDER BY lane').all()
  expect(kept.map(({ lane }) => lane)).toEqual([
    'address:192.0.2.2',
    'address:192.0.2.3',
    'strangers:7',
    'user:ada:address:192.0.2.1',
  ])
})

test('the lanes of one user are removed, and none of another whose name begins the same', async () => {
  using store = createTestStore()
  const lanes = createLaneStore(store.db)
  await store.db.write(() => {
    for (const name of ['ada', 'ada.b', 'adam']) lanes.put(`user:${name}:address:x`, failedAt(0))
    lanes.removeBelow('user:ada:')
  })
  expect(['ada', 'ada.b', 'adam'].map(name => lanes.find(`user:${name}:address:x`) !== undefined)).toEqual([
    false,
    true,
    true,
  ])
})
