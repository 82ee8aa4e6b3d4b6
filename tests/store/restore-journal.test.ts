import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../src/core/errors.ts'
import { openDatabase } from '../../src/store/database.ts'
import { commitRestore, createRestoreDraft, finishRestore, isRestorePending } from '../../src/store/restore-journal.ts'
import { acquireServeLock } from '../../src/store/serve-lock.ts'
import { writeSnapshot } from '../../src/store/snapshot.ts'
import { fileMode, setUmask } from '../testkit/file-modes.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const aside = 'before-restore-2026-11-23T221000.000Z'

/** A data directory, and a restore into it that is ready to be committed. */
function createPendingRestore() {
  const dir = tempDir()
  const dataDir = join(dir.path, 'data')
  mkdirSync(dataDir)
  const credentialsDir = join(dir.path, 'keys')
  for (const name of ['cikit-api.db', 'cikit-api.db-wal', 'sealing.key'])
    writeFileSync(join(dataDir, name), `old ${name}`)
  writeFileSync(join(dataDir, 'serve.lock'), '')
  const draft = createRestoreDraft(dataDir)
  for (const name of ['cikit-api.db', 'sealing.key', 'audit.key']) writeFileSync(join(draft, name), `new ${name}`)
  mkdirSync(join(draft, 'credentials/cikit01'))
  for (const kind of ['private', 'public']) {
    writeFileSync(join(draft, `credentials/cikit01/cikit01.${kind}.key`), `new ${kind}`)
  }
  const readText = (...path: string[]) => readFileSync(join(dir.path, ...path), 'utf8')
  return {
    dataDir,
    credentialsDir,
    readText,
    commit: () => commitRestore(dataDir, { credentialsDir, aside }),
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

test('an uncommitted restore is discarded', () => {
  using directory = createPendingRestore()
  expect(isRestorePending(directory.dataDir)).toBe(false)
  finishRestore(directory.dataDir)
  expect(readdirSync(directory.dataDir).toSorted()).toEqual([
    'cikit-api.db',
    'cikit-api.db-wal',
    'sealing.key',
    'serve.lock',
  ])
  expect(directory.readText('data/cikit-api.db')).toBe('old cikit-api.db')
})

test('a committed restore moves everything into place and the old data aside', () => {
  using directory = createPendingRestore()
  directory.commit()
  expect(isRestorePending(directory.dataDir)).toBe(true)
  finishRestore(directory.dataDir)
  expect(readdirSync(directory.dataDir).toSorted()).toEqual([
    'audit.key',
    aside,
    'cikit-api.db',
    'sealing.key',
    'serve.lock',
  ])
  for (const name of ['cikit-api.db', 'sealing.key', 'audit.key'])
    expect(directory.readText('data', name)).toBe(`new ${name}`)
  expect(readdirSync(join(directory.dataDir, aside)).toSorted()).toEqual([
    'cikit-api.db',
    'cikit-api.db-wal',
    'sealing.key',
  ])
  expect(directory.readText('data', aside, 'cikit-api.db')).toBe('old cikit-api.db')
})

test("the droplets' keys get their modes, whatever the umask", () => {
  using _ = setUmask(0)
  using directory = createPendingRestore()
  directory.commit()
  finishRestore(directory.dataDir)
  const folder = join(directory.credentialsDir, 'cikit01')
  const modes = [folder, ...['private', 'public'].map(kind => join(folder, `cikit01.${kind}.key`))].map(fileMode)
  expect(modes).toEqual(['700', '400', '600'])
})

test('keeps existing key pairs', () => {
  using directory = createPendingRestore()
  mkdirSync(join(directory.credentialsDir, 'cikit01'), { recursive: true })
  writeFileSync(join(directory.credentialsDir, 'cikit01/cikit01.private.key'), 'present')
  directory.commit()
  finishRestore(directory.dataDir)
  expect(readdirSync(join(directory.credentialsDir, 'cikit01'))).toEqual(['cikit01.private.key'])
  expect(directory.readText('keys/cikit01/cikit01.private.key')).toBe('present')
})

test('the next process that takes the serve lock finishes it', () => {
  using directory = createPendingRestore()
  directory.commit()
  acquireServeLock(directory.dataDir).release()
  expect(directory.readText('data/cikit-api.db')).toBe('new cikit-api.db')
})

test('the next process that opens the database finishes it, unless the lock is held', () => {
  using directory = createPendingRestore()
  directory.commit()
  const lock = acquireServeLock(directory.dataDir)
  // As left by a process that is still running.
  mkdirSync(join(directory.dataDir, 'restore-placing'))
  expect(() => openDatabase(directory.dataDir, { now: () => 0 })).toThrow('is already served by')
  lock.release()
  // The next error is about the file, which is not a database.
  expect(() => openDatabase(directory.dataDir, { now: () => 0 })).toThrow('is corrupt')
  expect(existsSync(join(directory.dataDir, 'restore-placing'))).toBe(false)
})

test('the next process that copies the database finishes it', () => {
  using directory = createPendingRestore()
  directory.commit()
  expect(() => writeSnapshot(directory.dataDir, join(directory.dataDir, 'copy.db'))).toThrow('cannot be copied')
  expect(directory.readText('data/cikit-api.db')).toBe('new cikit-api.db')
})

test('a restore that cannot be finished blocks the directory and can be finished later', () => {
  using directory = createPendingRestore()
  // A file at the path of the key directory.
  writeFileSync(directory.credentialsDir, '')
  directory.commit()
  expect(() => acquireServeLock(directory.dataDir)).toThrow(OperatorError)
  expect(() => acquireServeLock(directory.dataDir)).toThrow('is not finished')
  expect(existsSync(join(directory.dataDir, 'cikit-api.db'))).toBe(false)
})
