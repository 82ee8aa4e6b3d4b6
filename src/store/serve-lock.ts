import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../errors.ts'
import { createPrivateFile, prepareDataDir } from './files.ts'
import { finishRestore } from './pending-restore.ts'

export interface ServeLock {
  /** Says to a later one where the first one listens. */
  announce(address: string): void
  release(): void
}

/** Keeps the locks from the garbage collector, which would close the database and with it let go of the lock. */
const held = new Set<Sqlite>()

/**
 * Takes the data directory for one serving process. The lock is SQLite's own on an empty database, which the kernel
 * drops with the process however that ends: no stale lock after a kill -9. Who takes it finishes what is left of a restore.
 * @throws OperatorError naming the process that has it, or as `finishRestore`
 */
export function takeServeLock(dataDir: string): ServeLock {
  const lockFile = join(dataDir, 'serve.lock')
  const holderFile = join(dataDir, 'serve.json')
  prepareDataDir(dataDir)
  createPrivateFile(lockFile)
  const lock = new Sqlite(lockFile, { readwrite: true })
  try {
    lock.run('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!(error instanceof SQLiteError && error.code?.startsWith('SQLITE_BUSY'))) {
      throw new OperatorError(
        `The lock ${lockFile} cannot be taken (${String(error)}): check the disk and who owns the directory`,
        {
          cause: error,
        },
      )
    }
    throw new OperatorError(
      `${dataDir} is served already by ${describeHolder(holderFile)}: stop that one first, or name another --data-dir`,
    )
  }
  held.add(lock)
  // What a holder that was killed left there.
  rmSync(holderFile, { force: true })
  try {
    finishRestore(dataDir)
  } catch (error) {
    held.delete(lock)
    lock.close()
    throw error
  }
  return {
    announce(address) {
      // A courtesy to the next one: on a full disk we serve all the same.
      try {
        createPrivateFile(holderFile, { empty: true })
        writeFileSync(holderFile, JSON.stringify({ pid: process.pid, address }))
      } catch {
        rmSync(holderFile, { force: true })
      }
    },
    release() {
      rmSync(holderFile, { force: true })
      held.delete(lock)
      lock.close()
    },
  }
}

function describeHolder(file: string): string {
  try {
    const { pid, address } = JSON.parse(readFileSync(file, 'utf8'))
    return `process ${Number(pid)} on ${String(address)}`
  } catch {
    return 'another process, which is just starting or stopping'
  }
}
