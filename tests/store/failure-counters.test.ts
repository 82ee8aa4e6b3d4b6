import { expect, test } from 'bun:test'
import { createThrottleBucketStore } from '../../src/store/failure-counters.ts'
import { createTestStore } from '../testkit/store/test-store.ts'

const failedAt = (lastFailureAt: number) => ({
  consecutive: 1,
  lockedUntil: 0,
  windowFailures: 1,
  windowStartsAt: 0,
  lastFailureAt,
})

test('cleanup retains the newest address buckets and all other buckets', async () => {
  using store = createTestStore()
  const buckets = createThrottleBucketStore(store.db)
  await store.db.write(() => {
    buckets.save('anonymous:7', failedAt(0))
    buckets.save('user:ada:address:192.0.2.1', failedAt(0))
    for (const time of [1, 2, 3]) buckets.save(`address:192.0.2.${time}`, failedAt(time))
    buckets.retainNewestAddresses(2)
  })
  const remaining = store.db.sql
    .query<{ bucket: string }, []>('SELECT bucket FROM throttle_buckets ORDER BY bucket')
    .all()
  expect(remaining.map(({ bucket }) => bucket)).toEqual([
    'address:192.0.2.2',
    'address:192.0.2.3',
    'anonymous:7',
    'user:ada:address:192.0.2.1',
  ])
})

test('removes the buckets of one user, but not those of a user with the same prefix', async () => {
  using store = createTestStore()
  const buckets = createThrottleBucketStore(store.db)
  await store.db.write(() => {
    for (const name of ['ada', 'ada.b', 'adam']) buckets.save(`user:${name}:address:x`, failedAt(0))
    buckets.removeByPrefix('user:ada:')
  })
  expect(['ada', 'ada.b', 'adam'].map(name => buckets.find(`user:${name}:address:x`) !== undefined)).toEqual([
    false,
    true,
    true,
  ])
})
