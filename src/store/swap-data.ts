import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { asideName } from './files.ts'
import { commitRestore, createRestoreDraft, discardRestoreDraft, finishRestore } from './restore-journal.ts'
import { acquireServeLock } from './serve-lock.ts'
import { checkpointExclusively } from './snapshot.ts'

export interface SwapResult<T> {
  result: T
  /** The directory in which the data of before is; null when there was none. */
  previousDataDir: string | null
}

/**
 * Puts other data in the place of what a data directory holds, which is put aside and not deleted. Killed at any moment,
 * either counts as a whole.
 * @param credentialsDir where droplets' SSH keys that are made belong. Absolute path
 * @param fillDraft fills the draft, an empty directory, with the database, its keys and `credentials/`; what it throws leaves all as it was
 * @throws OperatorError while somebody serves, or works on the database
 */
export async function swapData<T>(
  dataDir: string,
  credentialsDir: string,
  fillDraft: (draft: string) => Promise<T>,
): Promise<SwapResult<T>> {
  const lock = acquireServeLock(dataDir)
  try {
    const result = await fillDraft(createRestoreDraft(dataDir))
    // Last, since a command may come meanwhile.
    checkpointExclusively(dataDir)
    const aside = asideName(new Date())
    commitRestore(dataDir, { credentialsDir, aside })
    finishRestore(dataDir)
    const previousDataDir = join(dataDir, aside)
    return { result, previousDataDir: existsSync(previousDataDir) ? previousDataDir : null }
  } finally {
    try {
      discardRestoreDraft(dataDir)
    } finally {
      lock.release()
    }
  }
}
