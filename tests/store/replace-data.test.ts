import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../src/store/database.ts'
import { databaseFile } from '../../src/store/files.ts'
import { replaceData } from '../../src/store/replace-data.ts'
import { takeServeLock } from '../../src/store/serve-lock.ts'
import { tempDir } from '../_support/temp-dir.ts'

/** A data directory with a database, and what is put in its place: no database, but it is told apart. */
function system() {
  const dir = tempDir()
  const open = () => openDatabase(dir.path, { now: () => 0 })
  open().close()
  const replace = (make = async (draft: string) => writeFileSync(databaseFile(draft), 'other')) =>
    replaceData(dir.path, join(dir.path, 'credentials'), make)
  return { path: dir.path, open, replace, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

test('what is made takes the place of what was there, which is put aside', async () => {
  using here = system()
  const { path, replace } = here
  const { ino } = statSync(databaseFile(path))
  const { before } = await replace()
  expect(readFileSync(databaseFile(path), 'utf8')).toBe('other')
  expect(statSync(join(before ?? '', 'cikit-api.db')).ino).toBe(ino)
})

test('it is refused while somebody works on the database, and all stays as it was', async () => {
  using here = system()
  const { path, open, replace } = here
  const db = open()
  expect(db.sql.query('SELECT count(*) FROM users').get()).toBeDefined()
  await expect(replace()).rejects.toThrow(/Another command works on the database .*let it end/)
  expect(db.sql.query('SELECT count(*) FROM users').get()).toBeDefined()
  db.close()
  expect(readdirSync(path).filter(name => name.startsWith('restore'))).toEqual([])
  await replace()
})

test('it is refused while somebody serves', async () => {
  using here = system()
  const { path, replace } = here
  const lock = takeServeLock(path)
  await expect(replace()).rejects.toThrow(/is served already by/)
  lock.release()
})

test('what cannot be made changes nothing, and leaves nothing behind', async () => {
  using here = system()
  const { path, replace } = here
  const was = readFileSync(databaseFile(path))
  const make = async (draft: string) => {
    writeFileSync(databaseFile(draft), 'half')
    throw new Error('no room')
  }
  await expect(replace(make)).rejects.toThrow('no room')
  expect(readFileSync(databaseFile(path))).toEqual(was)
  expect(readdirSync(path).filter(name => /restore/.test(name))).toEqual([])
  expect(existsSync(join(path, 'serve.json'))).toBe(false)
  takeServeLock(path).release()
})
