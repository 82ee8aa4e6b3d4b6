import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { closeForAll } from './copy.ts'
import { commitRestore, dropRestoreDraft, finishRestore, openRestoreDraft } from './pending-restore.ts'
import { takeServeLock } from './serve-lock.ts'

export interface Replaced<T> {
  made: T
  /** The directory in which the data of before is; null when there was none. */
  before: string | null
}

/**
 * Puts other data in the place of what a data directory holds, which is put aside and not deleted. Killed at any moment,
 * either counts as a whole.
 * @param credentialsDir where droplets' SSH keys that are made belong. Absolute path
 * @param make fills the draft, an empty directory, with the database, its keys and `credentials/`; what it throws leaves all as it was
 * @throws OperatorError while somebody serves, or works on the database
 */
export async function replaceData<T>(
  dataDir: string,
  credentialsDir: string,
  make: (draft: string) => Promise<T>,
): Promise<Replaced<T>> {
  const lock = takeServeLock(dataDir)
  try {
    const made = await make(openRestoreDraft(dataDir))
    // Last, since a command may come meanwhile.
    closeForAll(dataDir)
    const aside = `before-restore-${new Date().toISOString().replaceAll(':', '')}`
    commitRestore(dataDir, { credentialsDir, aside })
    finishRestore(dataDir)
    const before = join(dataDir, aside)
    return { made, before: existsSync(before) ? before : null }
  } finally {
    try {
      dropRestoreDraft(dataDir)
    } finally {
      lock.release()
    }
  }
}
