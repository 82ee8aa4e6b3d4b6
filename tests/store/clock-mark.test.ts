import { expect, test } from 'bun:test'
import { createClockMark } from '../../src/store/clock-mark.ts'
import { createTestStore } from '../_support/store.ts'

test('at the very first start no time was shown yet', () => {
  using store = createTestStore()
  expect(createClockMark(store.db).get()).toBe(0)
})

test('the latest time is kept, whatever came after it', async () => {
  using store = createTestStore()
  const mark = createClockMark(store.db)
  await store.db.write(() => mark.set(2_000))
  await store.db.write(() => mark.set(1_000))
  expect(mark.get()).toBe(2_000)
  await store.db.write(() => mark.set(3_000))
  expect(mark.get()).toBe(3_000)
})
