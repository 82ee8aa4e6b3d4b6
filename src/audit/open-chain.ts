import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import type { AuditStore } from '../store/audit.ts'
import type { Database } from '../store/database.ts'
import { ensureKeyFile, type Key, readKeyFile } from '../store/key-file.ts'
import { type Chain, createChain } from './chain.ts'

export interface ChainOptions {
  db: Database
  dataDir: string
  sealingKeyFile: string
  /** Whether nothing was ever sealed in this data directory. */
  isFirstStart: boolean
  now: () => number
  random: RandomBytes
  /** Begins a new chain, with a new key where there is none, after the records of a key that is lost. */
  restart?: { by: string }
}

/**
 * The chain of this data directory, begun where there is none yet. Its key (`audit.key`) lies beside the sealing key, or
 * in the data directory where that was put elsewhere, and is made once.
 * @throws OperatorError naming the file, when the key is missing or wrong, and when the records were taken away
 */
export async function openChain(store: AuditStore, options: ChainOptions): Promise<Chain> {
  const { db, now, restart } = options
  const file = auditKeyFile(options)
  const isEmpty = () => store.findMark('start') === undefined && store.newest() === undefined
  const isKeyMissing = !existsSync(file)
  // An empty audit that has its key already was emptied, unless this system is only just being made.
  const isNew = isEmpty() && (isKeyMissing || options.isFirstStart)
  if (isNew || (restart && isKeyMissing)) ensureKeyFile(file, options.random)
  const chain = createChain(store, readAuditKey(file))
  if (isNew || (restart && !chain.matchesKey())) {
    await db.write(() => {
      // Another process may do the same at this moment.
      if (isEmpty() || restart) chain.start(now(), restart?.by ?? '')
    })
  }
  if (!chain.matchesKey()) {
    throw new OperatorError(
      `The audit does not fit its key ${file}, or was tampered with: put key and database back from a backup, or begin anew with cikit-api audit --restart`,
    )
  }
  return chain
}

/** Where the key of the audit is, or would be made. */
export function auditKeyFile({ dataDir, sealingKeyFile }: Pick<ChainOptions, 'dataDir' | 'sealingKeyFile'>): string {
  const beside = join(dirname(sealingKeyFile), 'audit.key')
  return existsSync(beside) ? beside : join(dataDir, 'audit.key')
}

function readAuditKey(file: string): Key {
  try {
    return readKeyFile(file)
  } catch (cause) {
    const reason = errorMessage(cause)
    throw new OperatorError(`${reason}, or begin a new audit with cikit-api audit --restart`, { cause })
  }
}
