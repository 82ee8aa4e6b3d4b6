import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiError, ConfigError, OperatorError } from '../../src/core/errors.ts'
import { openDatabase } from '../../src/store/database.ts'
import { fileMode, fileModes, setUmask } from '../testkit/file-modes.ts'
import { createAccount, createTestStore } from '../testkit/store/test-store.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const options = { now: () => 0 }

test('the directory is 0700 and every file in it 0600, whatever the umask', async () => {
  using _ = setUmask(0)
  using store = createTestStore()
  await store.db.write(() => store.users.insert(createAccount('viewer')))
  expect(fileMode(store.dataDir)).toBe('700')
  expect(fileModes(store.dataDir)).toEqual({
    'cikit-api.db': '600',
    'cikit-api.db-shm': '600',
    'cikit-api.db-wal': '600',
  })
})

test('restricts an existing directory and database to their owner', () => {
  using _ = setUmask(0)
  using dir = tempDir()
  openDatabase(dir.path, options).close()
  chmodSync(dir.path, 0o777)
  chmodSync(join(dir.path, 'cikit-api.db'), 0o666)
  openDatabase(dir.path, options).close()
  expect(fileMode(dir.path)).toBe('700')
  expect(fileModes(dir.path)).toEqual({ 'cikit-api.db': '600' })
})

test('creates missing parent directories', () => {
  using dir = tempDir()
  const path = join(dir.path, 'a', 'b')
  openDatabase(path, options).close()
  expect(fileMode(path)).toBe('700')
})

test.each([
  ['journal_mode', 'wal'],
  ['synchronous', 2],
  ['foreign_keys', 1],
  ['wal_autocheckpoint', 4_000],
])('the pragma %s is %p', (pragma, value) => {
  using store = createTestStore()
  expect(store.db.sql.query(`PRAGMA ${pragma}`).get()).toEqual({ [pragma]: value })
})

test('statements do not wait for locks, which would block the event loop', () => {
  using store = createTestStore()
  expect(store.db.sql.query('PRAGMA busy_timeout').get()).toEqual({ timeout: 0 })
})

test('a write returns the result of its work', async () => {
  using store = createTestStore()
  expect(await store.db.write(() => 42)).toBe(42)
})

test('a write that throws is rolled back', async () => {
  using store = createTestStore()
  const failing = store.db.write(() => {
    store.users.insert(createAccount('viewer'))
    throw new ApiError('malformed')
  })
  await expect(failing).rejects.toMatchObject({ errorId: 917 })
  expect(store.users.list()).toEqual([])
  await store.db.write(() => store.users.insert(createAccount('other')))
  expect(store.users.list()).toMatchObject([{ username: 'other' }])
})

test('an SQL error is not reported as 922', async () => {
  using store = createTestStore()
  await expect(store.db.write(() => store.db.sql.run('INSERT INTO nowhere VALUES (1)'))).rejects.toBeInstanceOf(
    SQLiteError,
  )
})

test('a write waits for another process and then succeeds', async () => {
  using store = createTestStore()
  using other = new Sqlite(join(store.dataDir, 'cikit-api.db'))
  other.run('BEGIN IMMEDIATE')
  // The first attempt fails before the call returns.
  const written = store.db.write(() => store.users.insert(createAccount('viewer')))
  expect(store.users.list()).toEqual([])
  other.run('COMMIT')
  await written
  expect(store.users.list()).toMatchObject([{ username: 'viewer' }])
})

test('a write fails with 922 after the timeout without blocking the process', async () => {
  using store = createTestStore()
  using other = new Sqlite(join(store.dataDir, 'cikit-api.db'))
  other.run('BEGIN IMMEDIATE')
  let ticks = 0
  const ticker = setInterval(() => ticks++, 10)
  const start = performance.now()
  const rejection = await store.db
    .write(() => store.users.insert(createAccount('viewer')))
    .catch((error: unknown) => error)
  const waitedMs = performance.now() - start
  clearInterval(ticker)

  expect(rejection).toBeInstanceOf(ApiError)
  expect(rejection).toMatchObject({ errorId: 922, status: 503, cause: expect.any(SQLiteError) })
  expect(waitedMs).toBeWithin(5_000, 10_000)
  expect(ticks).toBeGreaterThan(20)
  other.run('ROLLBACK')
  expect(store.users.list()).toEqual([])
  await store.db.write(() => store.users.insert(createAccount('viewer')))
  expect(store.users.list()).toHaveLength(1)
}, 20_000)

test('a full disk causes 922, and reads continue', async () => {
  using store = createTestStore()
  await store.db.write(() => store.users.insert(createAccount('viewer')))
  store.db.sql.run('PRAGMA max_page_count = 1')
  const largeAccount = { ...createAccount('other'), encryptedSecret: new Uint8Array(1_000_000) }
  await expect(store.db.write(() => store.users.insert(largeAccount))).rejects.toMatchObject({ errorId: 922 })
  expect(store.users.list()).toMatchObject([{ username: 'viewer' }])
  store.db.sql.run('PRAGMA max_page_count = 1073741823')
  await store.db.write(() => store.users.insert(largeAccount))
  expect(store.users.list()).toHaveLength(2)
})

test('rejects and keeps a file that is not a database', () => {
  using dir = tempDir()
  const file = join(dir.path, 'cikit-api.db')
  writeFileSync(file, 'no database, but long enough for the header of one '.repeat(100))
  const before = readFileSync(file)
  expect(() => openDatabase(dir.path, options)).toThrow(/cikit-api\.db is corrupt .*: restore a backup/)
  expect(() => openDatabase(dir.path, options)).toThrow(OperatorError)
  expect(readFileSync(file)).toEqual(before)
})

test('the integrity check finds a damaged page', async () => {
  using dir = tempDir()
  openDatabase(dir.path, options).close()
  const file = join(dir.path, 'cikit-api.db')
  const bytes = readFileSync(file)
  const pageSize = bytes.readUInt16BE(16)
  // All pages except the first, which contains the schema.
  writeFileSync(file, Buffer.concat([bytes.subarray(0, pageSize), Buffer.alloc(bytes.length - pageSize, 0xa5)]))
  const open = () => openDatabase(dir.path, options).close()
  expect(open).toThrow(OperatorError)
  expect(open).toThrow(/is corrupt/)
})

test('a hundred waiting writes do not block the event loop', async () => {
  using store = createTestStore()
  using other = new Sqlite(join(store.dataDir, 'cikit-api.db'))
  other.run('BEGIN IMMEDIATE')
  const writes = Array.from({ length: 100 }, (_, number) =>
    store.db.write(() => store.users.insert(createAccount(`user${number}`))),
  )
  let longestPauseMs = 0
  const end = performance.now() + 300
  for (let last = performance.now(); last < end; ) {
    await Bun.sleep(1)
    longestPauseMs = Math.max(longestPauseMs, performance.now() - last)
    last = performance.now()
  }
  other.run('COMMIT')
  await Promise.all(writes)
  expect(store.users.list()).toHaveLength(100)
  expect(longestPauseMs).toBeLessThan(150)
})

test('waiting writes keep their order', async () => {
  using store = createTestStore()
  using other = new Sqlite(join(store.dataDir, 'cikit-api.db'))
  other.run('BEGIN IMMEDIATE')
  const numbers = Array.from({ length: 20 }, (_, number) => number)
  const done: number[] = []
  const writes = numbers.map(number => store.db.write(() => void done.push(number)))
  // Each has tried once by then.
  await new Promise(setImmediate)
  other.run('COMMIT')
  await Promise.all(writes)
  expect(done).toEqual(numbers)
})

test('rejects a foreign directory and does not change it', () => {
  using dir = tempDir()
  writeFileSync(join(dir.path, 'passwd'), 'root')
  chmodSync(dir.path, 0o755)
  expect(() => openDatabase(dir.path, options)).toThrow(OperatorError)
  expect(() => openDatabase(dir.path, options)).toThrow(/is not empty and holds no cikit-api database/)
  expect(fileMode(dir.path)).toBe('755')
  expect(readdirSync(dir.path)).toEqual(['passwd'])
})

test.each(['lost+found', 'credentials', 'sealing.key', 'serve.lock'])(
  'accepts a directory that only contains %s',
  name => {
    using dir = tempDir()
    mkdirSync(join(dir.path, name))
    openDatabase(dir.path, options).close()
    expect(readdirSync(dir.path).toSorted()).toEqual(['cikit-api.db', name].toSorted())
  },
)

test('rejects a path that is a file', () => {
  using dir = tempDir()
  const file = join(dir.path, 'file')
  writeFileSync(file, '')
  expect(() => openDatabase(file, options)).toThrow(ConfigError)
})
