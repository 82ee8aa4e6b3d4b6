import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../core/errors.ts'
import { createPrivateFile, LOCK_HOLDER_FILE, prepareDataDir, SERVE_LOCK_FILE } from './files.ts'
import { finishRestore } from './restore-journal.ts'

export interface ServeLock {
  /** Says to a later one where the first one listens. */
  announce(address: string): void
  release(): void
}

/** Keeps the locks from the garbage collector, which would close the database and with it let go of the lock. */
const heldLocks = new Set<Sqlite>()

/**
 * Takes the data directory for one serving process. The lock is SQLite's own on an empty database, which the kernel
 * drops with the process however that ends: no stale lock after a kill -9. Who takes it finishes what is left of a restore.
 * @throws OperatorError naming the process that has it, or as `finishRestore`
 */
export function acquireServeLock(dataDir: string): ServeLock {
  const lockFile = join(dataDir, SERVE_LOCK_FILE)
  const holderFile = holderFileOf(dataDir)
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
  heldLocks.add(lock)
  // What a holder that was killed left there.
  rmSync(holderFile, { force: true })
  try {
    finishRestore(dataDir)
  } catch (error) {
    heldLocks.delete(lock)
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
      heldLocks.delete(lock)
      lock.close()
    },
  }
}

/**
 * Which process serves the directory, and where, as it says itself; nobody while it is just starting or stopping.
 * @throws OperatorError when it is not for this user to read
 */
export function findLockHolder(dataDir: string): LockHolder | undefined {
  const holder = readHolder(holderFileOf(dataDir))
  // One that was killed could not take its word back.
  return holder && existsSync(`/proc/${holder.pid}`) ? holder : undefined
}

export interface LockHolder {
  pid: number
  /** `http://127.0.0.1:1337/` */
  address: string
  /** When it said so. Milliseconds since 1970. */
  since: number
}

function holderFileOf(dataDir: string): string {
  return join(dataDir, LOCK_HOLDER_FILE)
}

function readHolder(file: string): LockHolder | undefined {
  try {
    const { pid, address } = JSON.parse(readFileSync(file, 'utf8'))
    return { pid: Number(pid), address: String(address), since: statSync(file).mtimeMs }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) return undefined
    throw new OperatorError(`${file} cannot be read: run this as the user that serves, or name the server by --url`)
  }
}

function describeHolder(file: string): string {
  const holder = readHolder(file)
  return holder ? `process ${holder.pid} on ${holder.address}` : 'another process, which is just starting or stopping'
}
