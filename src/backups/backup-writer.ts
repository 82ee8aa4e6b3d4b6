import { createHash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { auditKeyFile } from '../audit/open-chain.ts'
import { OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import type { Secret } from '../core/secret.ts'
import {
  bytesEqual,
  encryptionKeyFile,
  hashKey,
  hashKeyFile,
  type KeyLocation,
  nextKeyFile,
} from '../store/encryption-key.ts'
import { type Key, readKeyFile } from '../store/key-file.ts'
import { inspectSnapshot, type SnapshotInfo, writeSnapshot } from '../store/snapshot.ts'
import { createArchiveWriter, readChunks } from './archive.ts'
import { extractDatabase, openBackup } from './backup-reader.ts'
import { readCredentials } from './credentials.ts'
import { encryptKeys, type SystemKeys } from './encrypted-keys.ts'
import {
  createManifest,
  DATABASE,
  ENCRYPTED_KEYS,
  encryptionContextOf,
  type ListedFile,
  MANIFEST,
  type Manifest,
} from './manifest.ts'
import { openWorkDirectory } from './work-directory.ts'

const MAX_ATTEMPTS = 5

export interface BackupOptions extends KeyLocation {
  credentialsDir: string
  /** Version of this program. */
  version: string
  now: () => number
  random: RandomBytes
  /** Encrypts the keys; without it, the backup contains no keys. */
  passphrase?: Secret
}

/**
 * Writes a backup of a data directory, served or not, durably, and verifies it.
 * @param fd an empty file, open for reading and writing
 * @throws OperatorError when something cannot be read or written
 */
export async function writeBackup(fd: number, options: BackupOptions): Promise<Manifest> {
  using work = openWorkDirectory(options.dataDir)
  const { info, keys, path } = snapshotWithKeys(options, work.path)
  const time = options.now()
  const credentials = readCredentials(options.credentialsDir)
  const encryption = keys && options.passphrase && encryptKeys(keys, options.passphrase, options.random)
  const unencrypted = {
    version: options.version,
    time: new Date(time).toISOString(),
    migration: info.migration,
    files: [describeDatabase(path), ...credentials.map(({ name, bytes }) => describeBytes(name, bytes))],
  }
  const encryptedKeys = await encryption?.encrypt(encryptionContextOf(unencrypted))
  const manifest = createManifest({
    ...unencrypted,
    keys: encryption?.params ?? null,
    files: [...unencrypted.files, ...(encryptedKeys ? [describeBytes(ENCRYPTED_KEYS, encryptedKeys)] : [])],
  })
  const contents = new Map<string, Uint8Array>(credentials.map(({ name, bytes }) => [name, bytes]))
  if (encryptedKeys) contents.set(ENCRYPTED_KEYS, encryptedKeys)
  const archive = createArchiveWriter(fd, time)
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
  archive.add({ name: MANIFEST, size: text.length }, [text])
  for (const file of manifest.files) {
    archive.add(file, file.name === DATABASE ? readFileChunks(path) : [contents.get(file.name) ?? Buffer.alloc(0)])
  }
  archive.end()
  fsyncSync(fd)
  await verify(fd, work.path, options.passphrase)
  return manifest
}

/** Opens the written backup as a restore would. */
async function verify(fd: number, directory: string, passphrase: Secret | undefined): Promise<void> {
  const backup = openBackup(fd)
  const unpacked = join(directory, 'unpacked')
  mkdirSync(unpacked, { mode: 0o700 })
  extractDatabase(backup, unpacked, passphrase && (await backup.decryptKeys(passphrase)))
}

/** Retries until snapshot and key match, since the key may be rotated at any time. */
function snapshotWithKeys(
  options: BackupOptions,
  directory: string,
): { info: SnapshotInfo; keys?: SystemKeys; path: string } {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const path = join(directory, `copy-${attempt}.db`)
    writeSnapshot(options.dataDir, path)
    const info = inspectSnapshot(path)
    if (!options.passphrase) return { info, path }
    const encryptionKey = findMatchingKey(options, info)
    const keyFile = encryptionKeyFile(options)
    if (encryptionKey) {
      const auditKey = readKeyFile(auditKeyFile({ dataDir: options.dataDir, encryptionKeyFile: keyFile }))
      return { info, keys: { encryption: encryptionKey, audit: auditKey }, path }
    }
  }
  throw new OperatorError(`The key in ${encryptionKeyFile(options)} does not match the database: restore the right key`)
}

function findMatchingKey(location: KeyLocation, { keyHash }: SnapshotInfo): Key | undefined {
  const file = encryptionKeyFile(location)
  // Nothing is encrypted yet.
  if (!keyHash) return readKeyFile(file)
  for (const candidate of [file, nextKeyFile(file)]) {
    if (!bytesEqual(keyHash, hashKeyFile(candidate))) continue
    const key = readKeyFile(candidate)
    if (bytesEqual(keyHash, hashKey(key))) return key
  }
  return undefined
}

function describeDatabase(path: string): ListedFile {
  const hash = createHash('sha256')
  let size = 0
  for (const chunk of readFileChunks(path)) {
    hash.update(chunk)
    size += chunk.length
  }
  return { name: DATABASE, size, sha256: hash.digest('hex') }
}

function describeBytes(name: string, bytes: Uint8Array): ListedFile {
  return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

function* readFileChunks(path: string): Generator<Buffer> {
  const fd = openSync(path, 'r')
  try {
    yield* readChunks(fd, { offset: 0, size: fstatSync(fd).size })
  } finally {
    closeSync(fd)
  }
}
