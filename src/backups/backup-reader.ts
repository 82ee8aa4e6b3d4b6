import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createChain } from '../audit/chain.ts'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import { createAuditStore } from '../store/audit.ts'
import { bytesEqual, hashKey } from '../store/encryption-key.ts'
import { convertCopy } from '../store/migrate.ts'
import { migrations } from '../store/migrations/index.ts'
import { inspectSnapshot, type SnapshotInfo } from '../store/snapshot.ts'
import { corruptBackup, type LocatedEntry, listEntries, readChunks } from './archive.ts'
import { decryptKeys, type SystemKeys } from './encrypted-keys.ts'
import {
  DATABASE,
  ENCRYPTED_KEYS,
  encryptionContextOf,
  MANIFEST,
  MAX_MANIFEST_SIZE,
  type Manifest,
  parseManifest,
} from './manifest.ts'

/** A backup whose hashes were verified. */
export interface Backup {
  manifest: Manifest
  /** @throws OperatorError for a file that the backup does not contain */
  read: (name: string) => Buffer
  /** Writes a file durably to a path that does not exist yet. */
  extract: (name: string, path: string, mode: number) => void
  /** Undefined if the backup has no keys. @throws OperatorError for a wrong passphrase */
  decryptKeys: (passphrase: Secret) => Promise<SystemKeys | undefined>
}

/**
 * Opens a backup and verifies the hash of every file.
 * @param fd an open file; its path may be replaced while it is read
 * @throws OperatorError when it is not an intact backup
 */
export function openBackup(fd: number): Backup {
  const [first, ...rest] = listEntries(fd)
  if (first?.name !== MANIFEST || first.size > MAX_MANIFEST_SIZE)
    throw corruptBackup('it does not start with its manifest')
  const manifest = parseManifest(readEntry(first).toString('utf8'))
  const entries = new Map(rest.map(entry => [entry.name, entry]))
  const matchesManifest = ({ name, size }: LocatedEntry, index: number) =>
    manifest.files[index]?.name === name && manifest.files[index].size === size
  if (rest.length !== manifest.files.length || !rest.every(matchesManifest))
    throw corruptBackup('its files do not match its manifest')
  for (const { name, sha256 } of manifest.files) {
    const hash = createHash('sha256')
    for (const chunk of readChunks(fd, entryOf(name))) hash.update(chunk)
    if (hash.digest('hex') !== sha256) throw corruptBackup(`${name} does not match its hash`)
  }
  return { manifest, read: name => readEntry(entryOf(name)), extract, decryptKeys: decryptOwnKeys }

  function entryOf(name: string): LocatedEntry {
    const entry = entries.get(name)
    if (!entry) throw corruptBackup(`${name} is missing`)
    return entry
  }

  function readEntry(entry: LocatedEntry): Buffer {
    return Buffer.concat([...readChunks(fd, entry)])
  }

  function extract(name: string, path: string, mode: number): void {
    const file = openSync(path, 'wx', mode)
    try {
      for (const chunk of readChunks(fd, entryOf(name))) {
        for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done)
      }
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  async function decryptOwnKeys(passphrase: Secret): Promise<SystemKeys | undefined> {
    if (!manifest.keys) return undefined
    return await decryptKeys(
      readEntry(entryOf(ENCRYPTED_KEYS)),
      manifest.keys,
      passphrase,
      encryptionContextOf(manifest),
    )
  }
}

/**
 * Extracts the database, converts one of a development build, and checks that the keys match.
 * @param directory the database stays there
 * @throws OperatorError when database, manifest and keys do not match, or the backup is of a newer version
 */
export function extractDatabase(backup: Backup, directory: string, keys: SystemKeys | undefined): SnapshotInfo {
  const path = join(directory, DATABASE)
  backup.extract(DATABASE, path, 0o600)
  const developmentMigration = convertExtracted(path)
  if (developmentMigration === undefined) rejectNewer(backup.manifest)
  const info = inspectSnapshot(path, sql => {
    if (keys && !createChain(createAuditStore({ sql }), keys.audit).matchesKey()) {
      throw new OperatorError('The audit key in the backup does not match its database: use another backup')
    }
  })
  if ((developmentMigration ?? info.migration) !== backup.manifest.migration)
    throw corruptBackup('its database does not match its manifest')
  if (keys && info.keyHash && !bytesEqual(info.keyHash, hashKey(keys.encryption))) {
    throw new OperatorError('The encryption key in the backup does not match its database: use another backup')
  }
  return info
}

/** @returns the migration of a development build; undefined for a database of a release */
function convertExtracted(path: string): number | undefined {
  try {
    return convertCopy(path)
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    throw corruptBackup(`its database cannot be read: ${errorMessage(cause)}`)
  }
}

function rejectNewer({ version, migration }: Manifest): void {
  const newest = migrations.at(-1)?.id ?? 0
  if (migration <= newest) return
  throw new OperatorError(
    `The backup was written by a newer cikit-api (${version}, migration ${migration}; this one knows ${newest}): use that binary or a newer one`,
  )
}
