import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../src/store/database.ts'
import { databaseFile } from '../../src/store/files.ts'
import { acquireServeLock } from '../../src/store/serve-lock.ts'
import { swapData } from '../../src/store/swap-data.ts'
import { tempDir } from '../testkit/temp-dir.ts'

/** A data directory with a database, and its replacement: a recognizable file instead of a database. */
function createDataDirectory() {
  const dir = tempDir()
  const open = () => openDatabase(dir.path, { now: () => 0 })
  open().close()
  const swap = (fillDraft = async (draft: string) => writeFileSync(databaseFile(draft), 'other')) =>
    swapData(dir.path, join(dir.path, 'credentials'), fillDraft)
  return { path: dir.path, open, swap, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

test('replaces the data and moves the old data aside', async () => {
  using directory = createDataDirectory()
  const { path, swap } = directory
  const { ino } = statSync(databaseFile(path))
  const { previousDataDir } = await swap()
  expect(readFileSync(databaseFile(path), 'utf8')).toBe('other')
  expect(statSync(join(previousDataDir ?? '', 'cikit-api.db')).ino).toBe(ino)
})

test('rejects and changes nothing while another command uses the database', async () => {
  using directory = createDataDirectory()
  const { path, open, swap } = directory
  const db = open()
  expect(db.sql.query('SELECT count(*) FROM users').get()).toBeDefined()
  await expect(swap()).rejects.toThrow(/Another command uses the database .*wait until it ends/)
  expect(db.sql.query('SELECT count(*) FROM users').get()).toBeDefined()
  db.close()
  expect(readdirSync(path).filter(name => name.startsWith('restore'))).toEqual([])
  await swap()
})

test('rejects while the directory is served', async () => {
  using directory = createDataDirectory()
  const { path, swap } = directory
  const lock = acquireServeLock(path)
  await expect(swap()).rejects.toThrow(/is already served by/)
  lock.release()
})

test('a failure changes nothing and leaves nothing behind', async () => {
  using directory = createDataDirectory()
  const { path, swap } = directory
  const before = readFileSync(databaseFile(path))
  const failToFill = async (draft: string) => {
    writeFileSync(databaseFile(draft), 'half')
    throw new Error('no room')
  }
  await expect(swap(failToFill)).rejects.toThrow('no room')
  expect(readFileSync(databaseFile(path))).toEqual(before)
  expect(readdirSync(path).filter(name => /restore/.test(name))).toEqual([])
  expect(existsSync(join(path, 'serve.json'))).toBe(false)
  acquireServeLock(path).release()
})
