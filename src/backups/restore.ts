import { accessSync, constants, copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { auditKeyFile } from '../audit/open-chain.ts'
import { CREDENTIALS_DIR } from '../config/config.ts'
import { errorMessage } from '../core/error-message.ts'
import { ConfigError, OperatorError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import { bytesEqual, hashKeyFile, type KeyLocation, nextKeyFile, sealingKeyFile } from '../store/encryption-key.ts'
import { AUDIT_KEY_FILE, SEALING_KEY_FILE } from '../store/files.ts'
import { writeKeyFile } from '../store/key-file.ts'
import type { SnapshotInfo } from '../store/snapshot.ts'
import type { Backup } from './backup-reader.ts'
import { extractDatabase } from './backup-reader.ts'
import { createKeyFolder, locateCredential } from './credentials.ts'
import { parseCredential } from './manifest.ts'

/**
 * Puts what is in a backup into an empty directory, as a data directory has it, with the keys that belong to it: its own,
 * or else those that are in the place for them.
 * @param location where the sealing key is, when it is not in the backup or is kept elsewhere
 * @param auditAnew whether the key of the audit may be missing
 * @throws OperatorError when something does not fit
 */
export async function unpack(
  backup: Backup,
  directory: string,
  location: KeyLocation,
  options: { passphrase: Secret | undefined; restartAudit: boolean },
): Promise<void> {
  const { passphrase, restartAudit } = options
  if (backup.manifest.keys && !passphrase) {
    throw new ConfigError(
      'The keys are in the backup: give --passphrase-file with the passphrase that they were sealed with',
    )
  }
  const keys = passphrase && (await backup.decryptKeys(passphrase))
  const info = extractDatabase(backup, directory, keys)
  if (keys) {
    if (location.keyFile === undefined) writeKeyFile(join(directory, SEALING_KEY_FILE), keys.sealing)
    else assertMatchingKey(location.keyFile, info, location)
    if (!existsSync(auditKeyBeside(location))) writeKeyFile(join(directory, AUDIT_KEY_FILE), keys.audit)
  } else copyExistingKeys(directory, location, info, restartAudit)
  for (const { name } of backup.manifest.files) {
    if (!parseCredential(name)) continue
    const { folder, path, mode } = locateCredential(join(directory, CREDENTIALS_DIR), name)
    createKeyFolder(folder)
    backup.extract(name, path, mode)
  }
}

/** Found out before anything counts. */
export function assertWritable(credentialsDir: string): void {
  try {
    mkdirSync(credentialsDir, { recursive: true, mode: 0o700 })
    accessSync(credentialsDir, constants.W_OK)
  } catch (error) {
    const reason = errorMessage(error)
    throw new ConfigError(
      `--credentials-dir ${credentialsDir} cannot be used (${reason}): name a directory that this user may write to`,
    )
  }
}

function copyExistingKeys(directory: string, location: KeyLocation, info: SnapshotInfo, restartAudit: boolean): void {
  const file = sealingKeyFile(location)
  const existing = [file, nextKeyFile(file)].find(
    candidate => existsSync(candidate) && matchesSnapshot(candidate, info),
  )
  if (existing === undefined) {
    assertMatchingKey(file, info, location)
    throw new Error('a key that fits is one')
  }
  if (location.keyFile === undefined) copyFileSync(existing, join(directory, SEALING_KEY_FILE))
  const auditKey = auditKeyFile({ dataDir: location.dataDir, sealingKeyFile: file })
  if (!existsSync(auditKey) && !restartAudit) {
    throw new OperatorError(
      `The key of the audit is not in the backup: put the audit.key of that host beside ${file}, or begin a new audit with --restart-audit`,
    )
  }
  if (existsSync(auditKey) && auditKey !== auditKeyBeside(location))
    copyFileSync(auditKey, join(directory, AUDIT_KEY_FILE))
}

/** Where the key of the audit is used from and never moved. */
function auditKeyBeside({ keyFile }: KeyLocation): string {
  return keyFile === undefined ? '' : join(dirname(sealingKeyFile({ dataDir: '', keyFile })), AUDIT_KEY_FILE)
}

function matchesSnapshot(file: string, { keyHash }: SnapshotInfo): boolean {
  const hash = hashKeyFile(file)
  // Without encrypted secrets any key fits.
  return hash !== undefined && (keyHash === undefined || bytesEqual(keyHash, hash))
}

/** @throws OperatorError saying which key is missing, or is another one */
function assertMatchingKey(file: string, info: SnapshotInfo, { keyFile }: KeyLocation): void {
  if (matchesSnapshot(file, info)) return
  const remedy =
    keyFile === undefined
      ? `put the sealing.key and the audit.key of the host that was backed up into ${dirname(file)}, or name the former with --secret-key-file`
      : 'name the sealing.key of the host that was backed up'
  const problem = existsSync(file)
    ? `The key in ${file} is not the one of the backup`
    : `The sealing key is not in the backup, and there is no ${file}`
  throw new OperatorError(`${problem}: ${remedy}`)
}
