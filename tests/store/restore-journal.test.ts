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

/** A data directory, and a restore into it that is ready to count. */
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

test('before it counts, nothing is changed, and it is forgotten', () => {
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

test('once it counts, all is in its place, and what was there is put aside', () => {
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

test("the droplets' keys get the modes of the droplets' keys, whatever the umask", () => {
  using _ = setUmask(0)
  using directory = createPendingRestore()
  directory.commit()
  finishRestore(directory.dataDir)
  const folder = join(directory.credentialsDir, 'cikit01')
  const modes = [folder, ...['private', 'public'].map(kind => join(folder, `cikit01.${kind}.key`))].map(fileMode)
  expect(modes).toEqual(['700', '400', '600'])
})

test('a pair that lies there already stays: the droplet is on the engine, and not in the backup', () => {
  using directory = createPendingRestore()
  mkdirSync(join(directory.credentialsDir, 'cikit01'), { recursive: true })
  writeFileSync(join(directory.credentialsDir, 'cikit01/cikit01.private.key'), 'present')
  directory.commit()
  finishRestore(directory.dataDir)
  expect(readdirSync(join(directory.credentialsDir, 'cikit01'))).toEqual(['cikit01.private.key'])
  expect(directory.readText('keys/cikit01/cikit01.private.key')).toBe('present')
})

test('whoever takes the data directory next finishes it', () => {
  using directory = createPendingRestore()
  directory.commit()
  acquireServeLock(directory.dataDir).release()
  expect(directory.readText('data/cikit-api.db')).toBe('new cikit-api.db')
})

test('whoever opens the database next finishes it, but not while somebody else is at it', () => {
  using directory = createPendingRestore()
  directory.commit()
  const lock = acquireServeLock(directory.dataDir)
  // As one that is still at it leaves it.
  mkdirSync(join(directory.dataDir, 'restore-placing'))
  expect(() => openDatabase(directory.dataDir, { now: () => 0 })).toThrow('is already served by')
  lock.release()
  // What comes now is that the text there is no database.
  expect(() => openDatabase(directory.dataDir, { now: () => 0 })).toThrow('is corrupt')
  expect(existsSync(join(directory.dataDir, 'restore-placing'))).toBe(false)
})

test('whoever copies the database next finishes it, too', () => {
  using directory = createPendingRestore()
  directory.commit()
  expect(() => writeSnapshot(directory.dataDir, join(directory.dataDir, 'copy.db'))).toThrow('cannot be copied')
  expect(directory.readText('data/cikit-api.db')).toBe('new cikit-api.db')
})

test('one that cannot be finished keeps everybody out, and can be finished later', () => {
  using directory = createPendingRestore()
  // A file where the directory of the keys is to be.
  writeFileSync(directory.credentialsDir, '')
  directory.commit()
  expect(() => acquireServeLock(directory.dataDir)).toThrow(OperatorError)
  expect(() => acquireServeLock(directory.dataDir)).toThrow('is not finished')
  expect(existsSync(join(directory.dataDir, 'cikit-api.db'))).toBe(false)
})
