import { accessSync, constants, copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { auditKeyFile } from '../audit/open-chain.ts'
import { CREDENTIALS_DIR } from '../config/config.ts'
import { errorMessage } from '../core/error-message.ts'
import { ConfigError, OperatorError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import { bytesEqual, encryptionKeyFile, hashKeyFile, type KeyLocation, nextKeyFile } from '../store/encryption-key.ts'
import { AUDIT_KEY_FILE, ENCRYPTION_KEY_FILE } from '../store/files.ts'
import { writeKeyFile } from '../store/key-file.ts'
import type { SnapshotInfo } from '../store/snapshot.ts'
import type { Backup } from './backup-reader.ts'
import { extractDatabase } from './backup-reader.ts'
import { createKeyFolder, locateCredential } from './credentials.ts'
import { parseCredential } from './manifest.ts'

/**
 * Extracts a backup into an empty directory with the layout of a data directory. Keys come from the backup, or else from
 * the existing data directory.
 * @param location of the existing encryption key
 * @param options `restartAudit` allows the audit key to be missing
 * @throws OperatorError when something does not match
 */
export async function unpack(
  backup: Backup,
  directory: string,
  location: KeyLocation,
  options: { passphrase: Secret | undefined; restartAudit: boolean },
): Promise<void> {
  const { passphrase, restartAudit } = options
  if (backup.manifest.keys && !passphrase) {
    throw new ConfigError('The backup contains encrypted keys: give --passphrase-file with their passphrase')
  }
  const keys = passphrase && (await backup.decryptKeys(passphrase))
  const info = extractDatabase(backup, directory, keys)
  if (keys) {
    if (location.keyFile === undefined) writeKeyFile(join(directory, ENCRYPTION_KEY_FILE), keys.encryption)
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

/** Checks before anything is replaced. */
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
  const file = encryptionKeyFile(location)
  const existing = [file, nextKeyFile(file)].find(
    candidate => existsSync(candidate) && matchesSnapshot(candidate, info),
  )
  if (existing === undefined) {
    assertMatchingKey(file, info, location)
    throw new Error('no matching key')
  }
  if (location.keyFile === undefined) copyFileSync(existing, join(directory, ENCRYPTION_KEY_FILE))
  const auditKey = auditKeyFile({ dataDir: location.dataDir, encryptionKeyFile: file })
  if (!existsSync(auditKey) && !restartAudit) {
    throw new OperatorError(
      `The audit key is not in the backup: copy the audit.key of that host to the directory of ${file}, or start a new audit log with --restart-audit`,
    )
  }
  if (existsSync(auditKey) && auditKey !== auditKeyBeside(location))
    copyFileSync(auditKey, join(directory, AUDIT_KEY_FILE))
}

/** Path of the audit key beside an encryption key outside the data directory; empty otherwise. */
function auditKeyBeside({ keyFile }: KeyLocation): string {
  return keyFile === undefined ? '' : join(dirname(encryptionKeyFile({ dataDir: '', keyFile })), AUDIT_KEY_FILE)
}

function matchesSnapshot(file: string, { keyHash }: SnapshotInfo): boolean {
  const hash = hashKeyFile(file)
  // Without encrypted secrets any key fits.
  return hash !== undefined && (keyHash === undefined || bytesEqual(keyHash, hash))
}

/** @throws OperatorError naming the missing or wrong key */
function assertMatchingKey(file: string, info: SnapshotInfo, { keyFile }: KeyLocation): void {
  if (matchesSnapshot(file, info)) return
  const remedy =
    keyFile === undefined
      ? `copy sealing.key and audit.key of the original host to ${dirname(file)}, or name the former with --secret-key-file`
      : 'name the sealing.key of the original host'
  const problem = existsSync(file)
    ? `The key in ${file} does not match the backup`
    : `The encryption key is not in the backup, and there is no ${file}`
  throw new OperatorError(`${problem}: ${remedy}`)
}
