import { expect, test } from 'bun:test'
import { createClockHighWaterMark } from '../../src/store/clock-high-water-mark.ts'
import { createTestStore } from '../testkit/store/test-store.ts'

test('is 0 before the first start', () => {
  using store = createTestStore()
  expect(createClockHighWaterMark(store.db).get()).toBe(0)
})

test('retains the latest time', async () => {
  using store = createTestStore()
  const highWaterMark = createClockHighWaterMark(store.db)
  await store.db.write(() => highWaterMark.raise(2_000))
  await store.db.write(() => highWaterMark.raise(1_000))
  expect(highWaterMark.get()).toBe(2_000)
  await store.db.write(() => highWaterMark.raise(3_000))
  expect(highWaterMark.get()).toBe(3_000)
})
