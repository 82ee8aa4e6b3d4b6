import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import type { AuditStore } from '../store/audit.ts'
import type { Database } from '../store/database.ts'
import { AUDIT_KEY_FILE } from '../store/files.ts'
import { ensureKeyFile, type Key, readKeyFile } from '../store/key-file.ts'
import { type Chain, createChain } from './chain.ts'

export interface ChainOptions {
  db: Database
  dataDir: string
  encryptionKeyFile: string
  /** Whether nothing has ever been encrypted in this data directory. */
  isFirstStart: boolean
  now: () => number
  random: RandomBytes
  /** Starts a new chain after the existing records when their key is lost; creates a key if there is none. */
  restart?: { by: string }
}

/**
 * Opens the chain of a data directory, or starts it. Its key (`audit.key`) is beside the encryption key or in the data
 * directory, and is created once.
 * @throws OperatorError naming the file when the key is missing or wrong, or the records were removed
 */
export async function openChain(store: AuditStore, options: ChainOptions): Promise<Chain> {
  const { db, now, restart } = options
  const file = auditKeyFile(options)
  const isEmpty = () => store.findEnd('start') === undefined && store.newest() === undefined
  const isKeyMissing = !existsSync(file)
  // An empty log with an existing key was tampered with, except during the first start.
  const isNew = isEmpty() && (isKeyMissing || options.isFirstStart)
  if (isNew || (restart && isKeyMissing)) ensureKeyFile(file, options.random)
  const chain = createChain(store, readAuditKey(file))
  if (isNew || (restart && !chain.matchesKey())) {
    await db.write(() => {
      // Checked again: another process may have started it.
      if (isEmpty() || restart) chain.start(now(), restart?.by ?? '')
    })
  }
  if (!chain.matchesKey()) {
    throw new OperatorError(
      `The audit log does not match its key ${file}, or was tampered with: restore key and database from a backup, or start a new log with cikit-api audit --restart`,
    )
  }
  return chain
}

/** Path of the existing audit key, or of the one to be created. */
export function auditKeyFile({
  dataDir,
  encryptionKeyFile,
}: Pick<ChainOptions, 'dataDir' | 'encryptionKeyFile'>): string {
  const beside = join(dirname(encryptionKeyFile), AUDIT_KEY_FILE)
  return existsSync(beside) ? beside : join(dataDir, AUDIT_KEY_FILE)
}

function readAuditKey(file: string): Key {
  try {
    return readKeyFile(file)
  } catch (cause) {
    const reason = errorMessage(cause)
    throw new OperatorError(`${reason}, or start a new audit log with cikit-api audit --restart`, { cause })
  }
}
