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
  encryptionContextOf,
  MANIFEST,
  MAX_MANIFEST_SIZE,
  type Manifest,
  parseManifest,
  SEALED_KEYS,
} from './manifest.ts'

/** A backup that was read through: what is in it is what was put into it. */
export interface Backup {
  manifest: Manifest
  /** @throws OperatorError for a file that is not in it */
  read: (name: string) => Buffer
  /** Writes a file of it to a path that does not exist yet, durably. */
  extract: (name: string, path: string, mode: number) => void
  /** The keys, if they are in it. @throws OperatorError */
  decryptKeys: (passphrase: Secret) => Promise<SystemKeys | undefined>
}

/**
 * Reads a backup through and holds every file against its hash.
 * @param fd an open file; others may write to its path meanwhile
 * @throws OperatorError when it is none, is damaged, or is of a newer version of the program
 */
export function openBackup(fd: number): Backup {
  const [first, ...rest] = listEntries(fd)
  if (first?.name !== MANIFEST || first.size > MAX_MANIFEST_SIZE)
    throw corruptBackup('it does not begin with its manifest')
  const manifest = parseManifest(readEntry(first).toString('utf8'))
  const entries = new Map(rest.map(part => [part.name, part]))
  const matchesManifest = ({ name, size }: LocatedEntry, index: number) =>
    manifest.files[index]?.name === name && manifest.files[index].size === size
  if (rest.length !== manifest.files.length || !rest.every(matchesManifest))
    throw corruptBackup('its files are not those of its manifest')
  for (const { name, sha256 } of manifest.files) {
    const hash = createHash('sha256')
    for (const chunk of readChunks(fd, entryOf(name))) hash.update(chunk)
    if (hash.digest('hex') !== sha256) throw corruptBackup(`${name} does not have its hash`)
  }
  return { manifest, read: name => readEntry(entryOf(name)), extract, decryptKeys: decryptOwnKeys }

  function entryOf(name: string): LocatedEntry {
    const entry = entries.get(name)
    if (!entry) throw corruptBackup(`${name} is not in it`)
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
    return await decryptKeys(readEntry(entryOf(SEALED_KEYS)), manifest.keys, passphrase, encryptionContextOf(manifest))
  }
}

/**
 * Opens what is in a backup: its database, and with the keys what they are for.
 * @param directory where there is room for the database, which is left there
 * @throws OperatorError when something does not fit
 */
export function extractDatabase(backup: Backup, directory: string, keys: SystemKeys | undefined): SnapshotInfo {
  const path = join(directory, DATABASE)
  backup.extract(DATABASE, path, 0o600)
  const developmentMigration = convertExtracted(path)
  if (developmentMigration === undefined) rejectNewer(backup.manifest)
  const info = inspectSnapshot(path, sql => {
    if (keys && !createChain(createAuditStore({ sql }), keys.audit).matchesKey()) {
      throw new OperatorError('The key of the audit in the backup is not the one of its database: take another backup')
    }
  })
  if ((developmentMigration ?? info.migration) !== backup.manifest.migration)
    throw corruptBackup('its database is not the one that was put into it')
  if (keys && info.keyHash && !bytesEqual(info.keyHash, hashKey(keys.sealing))) {
    throw new OperatorError('The sealing key in the backup is not the one of its database: take another backup')
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
