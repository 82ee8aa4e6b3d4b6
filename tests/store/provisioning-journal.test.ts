import { expect, test } from 'bun:test'
import { openDatabase } from '../../src/store/database.ts'
import { createProvisioningJournal } from '../../src/store/provisioning-journal.ts'
import { createTestStore } from '../testkit/store/test-store.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const first = { mark: 'mark-1', name: 'cikit01', startedAt: 1_000 }
const second = { mark: 'mark-2', name: 'cikit01', startedAt: 2_000 }

test('an add is unfinished between start and finish', async () => {
  using store = createTestStore()
  const journal = createProvisioningJournal(store.db)
  expect(journal.list()).toEqual([])
  await journal.start(second)
  await journal.start(first)
  expect(journal.list()).toEqual([first, second])
  await journal.finish(first.mark)
  expect(journal.list()).toEqual([second])
})

test('entries survive a restart', async () => {
  using dir = tempDir()
  const firstDatabase = openDatabase(dir.path, { now: () => 0 })
  await createProvisioningJournal(firstDatabase).start(first)
  const nextDatabase = openDatabase(dir.path, { now: () => 0 })
  expect(createProvisioningJournal(nextDatabase).list()).toEqual([first])
  nextDatabase.close()
  firstDatabase.close()
})

test('finishing an unknown add is not an error', async () => {
  using store = createTestStore()
  const journal = createProvisioningJournal(store.db)
  await journal.finish('nowhere')
  expect(journal.list()).toEqual([])
})

test('marks are unique', async () => {
  using store = createTestStore()
  const journal = createProvisioningJournal(store.db)
  await journal.start(first)
  await expect(journal.start({ ...second, mark: first.mark })).rejects.toThrow(/constraint/)
  expect(journal.list()).toEqual([first])
})
