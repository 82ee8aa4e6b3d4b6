import { expect, test } from 'bun:test'
import { openDatabase } from '../../src/store/database.ts'
import { createUnfinishedAdds } from '../../src/store/unfinished-adds.ts'
import { createTestStore } from '../_support/store.ts'
import { tempDir } from '../_support/temp-dir.ts'

const first = { mark: 'mark-1', name: 'cikit01', startedAt: 1_000 }
const second = { mark: 'mark-2', name: 'cikit01', startedAt: 2_000 }

test('an add is unfinished from its begin to its end', async () => {
  using store = createTestStore()
  const adds = createUnfinishedAdds(store.db)
  expect(adds.list()).toEqual([])
  await adds.begin(second)
  await adds.begin(first)
  expect(adds.list()).toEqual([first, second])
  await adds.end(first.mark)
  expect(adds.list()).toEqual([second])
})

test('what has begun is there for the next process', async () => {
  using dir = tempDir()
  const before = openDatabase(dir.path, { now: () => 0 })
  await createUnfinishedAdds(before).begin(first)
  const after = openDatabase(dir.path, { now: () => 0 })
  expect(createUnfinishedAdds(after).list()).toEqual([first])
  after.close()
  before.close()
})

test('the end of an add that never began is nothing to complain of', async () => {
  using store = createTestStore()
  const adds = createUnfinishedAdds(store.db)
  await adds.end('nowhere')
  expect(adds.list()).toEqual([])
})

test('a mark is never given twice', async () => {
  using store = createTestStore()
  const adds = createUnfinishedAdds(store.db)
  await adds.begin(first)
  await expect(adds.begin({ ...second, mark: first.mark })).rejects.toThrow(/constraint/)
  expect(adds.list()).toEqual([first])
})
