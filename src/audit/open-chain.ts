import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OperatorError } from '../errors.ts'
import type { AuditStore } from '../store/audit.ts'
import type { Database } from '../store/database.ts'
import { createKeyOnce, type Key, type RandomBytes, readKey } from '../store/key-file.ts'
import { type Chain, createChain } from './chain.ts'

export interface ChainPlace {
  db: Database
  dataDir: string
  sealingKeyFile: string
  /** Whether nothing was ever sealed in this data directory. */
  isFirstStart: boolean
  now: () => number
  random: RandomBytes
  /** Begins a new chain, with a new key where there is none, after the records of a key that is lost. */
  anew?: { by: string }
}

/**
 * The chain of this data directory, begun where there is none yet. Its key (`audit.key`) lies beside the sealing key, or
 * in the data directory where that was put elsewhere, and is made once.
 * @throws OperatorError naming the file, when the key is missing or wrong, and when the records were taken away
 */
export async function openChain(store: AuditStore, place: ChainPlace): Promise<Chain> {
  const { db, now, anew } = place
  const file = auditKeyFile(place)
  const isEmpty = () => store.mark('start') === undefined && store.newest() === undefined
  const isLost = !existsSync(file)
  // An empty audit that has its key already was emptied, unless this system is only just being made.
  const isNew = isEmpty() && (isLost || place.isFirstStart)
  if (isNew || (anew && isLost)) createKeyOnce(file, place.random)
  const chain = createChain(store, readAuditKey(file))
  if (isNew || (anew && !chain.isOurs())) {
    await db.write(() => {
      // Another process may do the same at this moment.
      if (isEmpty() || anew) chain.begin(now(), anew?.by ?? '')
    })
  }
  if (!chain.isOurs()) {
    throw new OperatorError(
      `The audit does not fit its key ${file}, or was tampered with: put key and database back from a backup, or begin anew with cikit-api audit --restart`,
    )
  }
  return chain
}

/** Where the key of the audit is, or would be made. */
export function auditKeyFile({ dataDir, sealingKeyFile }: Pick<ChainPlace, 'dataDir' | 'sealingKeyFile'>): string {
  const beside = join(dirname(sealingKeyFile), 'audit.key')
  return existsSync(beside) ? beside : join(dataDir, 'audit.key')
}

function readAuditKey(file: string): Key {
  try {
    return readKey(file)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(`${reason}, or begin a new audit with cikit-api audit --restart`, { cause })
  }
}
