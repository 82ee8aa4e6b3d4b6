import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { asideName } from './files.ts'
import { commitRestore, createRestoreDraft, discardRestoreDraft, finishRestore } from './restore-journal.ts'
import { acquireServeLock } from './serve-lock.ts'
import { checkpointExclusively } from './snapshot.ts'

interface SwapResult<T> {
  result: T
  /** Directory with the replaced data; null when there was none. */
  previousDataDir: string | null
}

/**
 * Replaces the data of a data directory. The old data is moved aside, not deleted. Atomic: after a kill at any moment,
 * either the old or the new data is in effect.
 * @param credentialsDir target of the droplets' SSH keys. Absolute path
 * @param fillDraft writes the database, its keys and `credentials/` to an empty directory; if it throws, nothing changes
 * @throws OperatorError while the directory is served or another command uses the database
 */
export async function swapData<T>(
  dataDir: string,
  credentialsDir: string,
  fillDraft: (draft: string) => Promise<T>,
): Promise<SwapResult<T>> {
  const lock = acquireServeLock(dataDir)
  try {
    const result = await fillDraft(createRestoreDraft(dataDir))
    // As late as possible, since another command may have opened the database.
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
