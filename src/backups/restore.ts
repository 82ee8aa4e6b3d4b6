import { accessSync, constants, copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { auditKeyFile } from '../audit/open-chain.ts'
import { ConfigError, OperatorError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { CopyFacts } from '../store/copy.ts'
import { writeKey } from '../store/key-file.ts'
import { equal, hashOfFile, type KeyPlace, nextKeyFile, sealingKeyFile } from '../store/sealing-key.ts'
import { makeFolder, placeOf } from './credentials.ts'
import { parseCredential } from './manifest.ts'
import type { Backup } from './read.ts'
import { openContents } from './read.ts'

/**
 * Puts what is in a backup into an empty directory, as a data directory has it, with the keys that belong to it: its own,
 * or else those that are in the place for them.
 * @param place where the sealing key is, when it is not in the backup or is kept elsewhere
 * @param auditAnew whether the key of the audit may be missing
 * @throws OperatorError when something does not fit
 */
export async function unpack(
  backup: Backup,
  directory: string,
  place: KeyPlace,
  options: { passphrase: Secret | undefined; auditAnew: boolean },
): Promise<void> {
  const { passphrase, auditAnew } = options
  if (backup.manifest.keys && !passphrase) {
    throw new ConfigError(
      'The keys are in the backup: give --passphrase-file with the passphrase that they were sealed with',
    )
  }
  const keys = passphrase && (await backup.openKeys(passphrase))
  const facts = openContents(backup, directory, keys)
  if (keys) {
    if (place.keyFile === undefined) writeKey(join(directory, 'sealing.key'), keys.sealing)
    else requireFitting(place.keyFile, facts, place)
    if (!existsSync(besideOf(place))) writeKey(join(directory, 'audit.key'), keys.audit)
  } else takeKeysThatAreThere(directory, place, facts, auditAnew)
  for (const { name } of backup.manifest.files) {
    if (!parseCredential(name)) continue
    const { folder, path, mode } = placeOf(join(directory, 'credentials'), name)
    makeFolder(folder)
    backup.extract(name, path, mode)
  }
}

/** Found out before anything counts. */
export function requireWritable(credentialsDir: string): void {
  try {
    mkdirSync(credentialsDir, { recursive: true, mode: 0o700 })
    accessSync(credentialsDir, constants.W_OK)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(
      `--credentials-dir ${credentialsDir} cannot be used (${reason}): name a directory that this user may write to`,
    )
  }
}

function takeKeysThatAreThere(directory: string, place: KeyPlace, facts: CopyFacts, auditAnew: boolean): void {
  const file = sealingKeyFile(place)
  const present = [file, nextKeyFile(file)].find(candidate => existsSync(candidate) && fits(candidate, facts))
  if (present === undefined) {
    requireFitting(file, facts, place)
    throw new Error('a key that fits is one')
  }
  if (place.keyFile === undefined) copyFileSync(present, join(directory, 'sealing.key'))
  const audit = auditKeyFile({ dataDir: place.dataDir, sealingKeyFile: file })
  if (!existsSync(audit) && !auditAnew) {
    throw new OperatorError(
      `The key of the audit is not in the backup: put the audit.key of that host beside ${file}, or begin a new audit with --restart-audit`,
    )
  }
  if (existsSync(audit) && audit !== besideOf(place)) copyFileSync(audit, join(directory, 'audit.key'))
}

/** Where the key of the audit is used from and never moved. */
function besideOf({ keyFile }: KeyPlace): string {
  return keyFile === undefined ? '' : join(dirname(sealingKeyFile({ dataDir: '', keyFile })), 'audit.key')
}

function fits(file: string, { keyHash }: CopyFacts): boolean {
  const hash = hashOfFile(file)
  // A database from before there were rotations notes no hash: whether its key is the one is found out by opening it.
  return hash !== undefined && (keyHash === undefined || equal(keyHash, hash))
}

/** @throws OperatorError saying which key is missing, or is another one */
function requireFitting(file: string, facts: CopyFacts, { keyFile }: KeyPlace): void {
  if (fits(file, facts)) return
  const remedy =
    keyFile === undefined
      ? `put the sealing.key and the audit.key of the host that was backed up into ${dirname(file)}, or name the former with --secret-key-file`
      : 'name the sealing.key of the host that was backed up'
  const problem = existsSync(file)
    ? `The key in ${file} is not the one of the backup`
    : `The sealing key is not in the backup, and there is no ${file}`
  throw new OperatorError(`${problem}: ${remedy}`)
}
