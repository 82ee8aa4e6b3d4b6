import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createChain } from '../audit/chain.ts'
import { OperatorError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import { createAuditStore } from '../store/audit.ts'
import { type CopyFacts, inspectCopy } from '../store/copy.ts'
import { migrations } from '../store/migrations/index.ts'
import { equal, hashOf } from '../store/sealing-key.ts'
import { chunksOf, damaged, listParts, type PlacedPart } from './archive.ts'
import {
  DATABASE,
  LARGEST_MANIFEST,
  MANIFEST,
  type Manifest,
  parseManifest,
  SEALED_KEYS,
  sealContextOf,
} from './manifest.ts'
import { openKeys, type SystemKeys } from './sealed-keys.ts'

/** A backup that was read through: what is in it is what was put into it. */
export interface Backup {
  manifest: Manifest
  /** @throws OperatorError for a file that is not in it */
  read: (name: string) => Buffer
  /** Writes a file of it to a path that does not exist yet, durably. */
  extract: (name: string, path: string, mode: number) => void
  /** The keys, if they are in it. @throws OperatorError */
  openKeys: (passphrase: Secret) => Promise<SystemKeys | undefined>
}

/**
 * Reads a backup through and holds every file against its hash.
 * @param fd an open file; others may write to its path meanwhile
 * @throws OperatorError when it is none, is damaged, or is of a newer version of the program
 */
export function openBackup(fd: number): Backup {
  const [first, ...rest] = listParts(fd)
  if (first?.name !== MANIFEST || first.size > LARGEST_MANIFEST) throw damaged('it does not begin with its manifest')
  const manifest = parseManifest(bytesOf(first).toString('utf8'))
  const parts = new Map(rest.map(part => [part.name, part]))
  const isListed = ({ name, size }: PlacedPart, at: number) =>
    manifest.files[at]?.name === name && manifest.files[at].size === size
  if (rest.length !== manifest.files.length || !rest.every(isListed))
    throw damaged('its files are not those of its manifest')
  for (const { name, sha256 } of manifest.files) {
    const hash = createHash('sha256')
    for (const chunk of chunksOf(fd, partOf(name))) hash.update(chunk)
    if (hash.digest('hex') !== sha256) throw damaged(`${name} does not have its hash`)
  }
  const newest = migrations.at(-1)?.id ?? 0
  if (manifest.migration > newest) {
    throw new OperatorError(
      `The backup was written by a newer cikit-api (${manifest.version}, migration ${manifest.migration}; this one knows ${newest}): use that binary or a newer one`,
    )
  }
  return { manifest, read: name => bytesOf(partOf(name)), extract, openKeys: openOwnKeys }

  function partOf(name: string): PlacedPart {
    const part = parts.get(name)
    if (!part) throw damaged(`${name} is not in it`)
    return part
  }

  function bytesOf(part: PlacedPart): Buffer {
    return Buffer.concat([...chunksOf(fd, part)])
  }

  function extract(name: string, path: string, mode: number): void {
    const file = openSync(path, 'wx', mode)
    try {
      for (const chunk of chunksOf(fd, partOf(name))) {
        for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done)
      }
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  async function openOwnKeys(passphrase: Secret): Promise<SystemKeys | undefined> {
    if (!manifest.keys) return undefined
    return await openKeys(bytesOf(partOf(SEALED_KEYS)), manifest.keys, passphrase, sealContextOf(manifest))
  }
}

/**
 * Opens what is in a backup: its database, and with the keys what they are for.
 * @param directory where there is room for the database, which is left there
 * @throws OperatorError when something does not fit
 */
export function openContents(backup: Backup, directory: string, keys: SystemKeys | undefined): CopyFacts {
  const path = join(directory, DATABASE)
  backup.extract(DATABASE, path, 0o600)
  const facts = inspectCopy(path, sql => {
    if (keys && !createChain(createAuditStore({ sql }), keys.audit).isOurs()) {
      throw new OperatorError('The key of the audit in the backup is not the one of its database: take another backup')
    }
  })
  if (facts.migration !== backup.manifest.migration) throw damaged('its database is not the one that was put into it')
  if (keys && facts.keyHash && !equal(facts.keyHash, hashOf(keys.sealing))) {
    throw new OperatorError('The sealing key in the backup is not the one of its database: take another backup')
  }
  return facts
}
