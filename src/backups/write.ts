import { createHash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { auditKeyFile } from '../audit/open-chain.ts'
import { OperatorError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import { type CopyFacts, copyDatabase, inspectCopy } from '../store/copy.ts'
import { type Key, type RandomBytes, readKey } from '../store/key-file.ts'
import { equal, hashOf, hashOfFile, type KeyPlace, nextKeyFile, sealingKeyFile } from '../store/sealing-key.ts'
import { chunksOf, createArchiveWriter } from './archive.ts'
import { readCredentials } from './credentials.ts'
import {
  createManifest,
  DATABASE,
  type ListedFile,
  MANIFEST,
  type Manifest,
  SEALED_KEYS,
  sealContextOf,
} from './manifest.ts'
import { openBackup, openContents } from './read.ts'
import { type SystemKeys, sealKeys } from './sealed-keys.ts'
import { openWorkDirectory } from './work-directory.ts'

const ATTEMPTS = 5

export interface BackupOrder extends KeyPlace {
  credentialsDir: string
  /** Of this program. */
  version: string
  now: () => number
  random: RandomBytes
  /** Seals the keys, which stay out of the backup without it. */
  passphrase?: Secret
}

/**
 * Writes a backup of a data directory, served or not, and opens what was written; it is on the disk when this resolves.
 * @param fd an empty file, open for reading and writing
 * @throws OperatorError when something cannot be read or written
 */
export async function writeBackup(fd: number, order: BackupOrder): Promise<Manifest> {
  using work = openWorkDirectory(order.dataDir)
  const { facts, keys, path } = copyWithKeys(order, work.path)
  const time = order.now()
  const credentials = readCredentials(order.credentialsDir)
  const sealed = keys && order.passphrase && sealKeys(keys, order.passphrase, order.random)
  const plain = {
    version: order.version,
    time: new Date(time).toISOString(),
    migration: facts.migration,
    files: [listFile(path), ...credentials.map(({ name, bytes }) => listBytes(name, bytes))],
  }
  const sealedKeys = await sealed?.seal(sealContextOf(plain))
  const manifest = createManifest({
    ...plain,
    keys: sealed?.sealing ?? null,
    files: [...plain.files, ...(sealedKeys ? [listBytes(SEALED_KEYS, sealedKeys)] : [])],
  })
  const contents = new Map<string, Uint8Array>(credentials.map(({ name, bytes }) => [name, bytes]))
  if (sealedKeys) contents.set(SEALED_KEYS, sealedKeys)
  const archive = createArchiveWriter(fd, time)
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
  archive.add({ name: MANIFEST, size: text.length }, [text])
  for (const file of manifest.files) {
    archive.add(file, file.name === DATABASE ? readFile(path) : [contents.get(file.name) ?? Buffer.alloc(0)])
  }
  archive.end()
  fsyncSync(fd)
  await verify(fd, work.path, order.passphrase)
  return manifest
}

/** Nothing is worth less than a backup that cannot be opened on the day. */
async function verify(fd: number, directory: string, passphrase: Secret | undefined): Promise<void> {
  const backup = openBackup(fd)
  const unpacked = join(directory, 'unpacked')
  mkdirSync(unpacked, { mode: 0o700 })
  openContents(backup, unpacked, passphrase && (await backup.openKeys(passphrase)))
}

/** The key may be replaced at any time: what is taken is the one that the copy was sealed with. */
function copyWithKeys(order: BackupOrder, directory: string): { facts: CopyFacts; keys?: SystemKeys; path: string } {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = join(directory, `copy-${attempt}.db`)
    copyDatabase(order.dataDir, path)
    const facts = inspectCopy(path)
    if (!order.passphrase) return { facts, path }
    const sealing = findKey(order, facts)
    const sealingKey = sealingKeyFile(order)
    if (sealing) {
      const audit = readKey(auditKeyFile({ dataDir: order.dataDir, sealingKeyFile: sealingKey }))
      return { facts, keys: { sealing, audit }, path }
    }
  }
  throw new OperatorError(
    `The key in ${sealingKeyFile(order)} is not the one that the database is sealed with: put the right one back`,
  )
}

function findKey(place: KeyPlace, { keyHash }: CopyFacts): Key | undefined {
  const file = sealingKeyFile(place)
  // Of a database from before there were rotations; no server of today leaves it so.
  if (!keyHash) return readKey(file)
  for (const candidate of [file, nextKeyFile(file)]) {
    if (!equal(keyHash, hashOfFile(candidate))) continue
    const key = readKey(candidate)
    if (equal(keyHash, hashOf(key))) return key
  }
  return undefined
}

function listFile(path: string): ListedFile {
  const hash = createHash('sha256')
  let size = 0
  for (const chunk of readFile(path)) {
    hash.update(chunk)
    size += chunk.length
  }
  return { name: DATABASE, size, sha256: hash.digest('hex') }
}

function listBytes(name: string, bytes: Uint8Array): ListedFile {
  return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

function* readFile(path: string): Generator<Buffer> {
  const fd = openSync(path, 'r')
  try {
    yield* chunksOf(fd, { offset: 0, size: fstatSync(fd).size })
  } finally {
    closeSync(fd)
  }
}
