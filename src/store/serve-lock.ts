import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../core/error-code.ts'
import { OperatorError } from '../core/errors.ts'
import { createPrivateFile, LOCK_HOLDER_FILE, prepareDataDir, SERVE_LOCK_FILE } from './files.ts'
import { finishRestore } from './restore-journal.ts'

export interface ServeLock {
  /** Publishes the address of this server. */
  announce(address: string): void
  release(): void
}

/** Protects the locks from the garbage collector, which would close the database and release the lock. */
const heldLocks = new Set<Sqlite>()

/**
 * Locks the data directory for one serving process and finishes a committed restore. The lock is SQLite's file lock on an
 * empty database, which the kernel releases when the process ends: there is no stale lock after kill -9.
 * @throws OperatorError naming the process that holds it, or as `finishRestore`
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
      `${dataDir} is already served by ${describeHolder(holderFile)}: stop it first, or name another --data-dir`,
    )
  }
  heldLocks.add(lock)
  // A killed holder may have left its file.
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
      // Optional information: a full disk must not stop the server.
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
 * The process that serves the directory; undefined while it starts or stops.
 * @throws OperatorError when this user may not read the file
 */
export function findLockHolder(dataDir: string): LockHolder | undefined {
  const holder = readHolder(holderFileOf(dataDir))
  // A killed process leaves its file behind.
  return holder && existsSync(`/proc/${holder.pid}`) ? holder : undefined
}

interface LockHolder {
  pid: number
  /** `http://127.0.0.1:1337/` */
  address: string
  /** Time of the announcement, milliseconds since 1970. */
  since: number
}

function holderFileOf(dataDir: string): string {
  return join(dataDir, LOCK_HOLDER_FILE)
}

function readHolder(file: string): LockHolder | undefined {
  try {
    const { pid, address }: { pid: unknown; address: unknown } = JSON.parse(readFileSync(file, 'utf8'))
    return { pid: Number(pid), address: String(address), since: statSync(file).mtimeMs }
  } catch (error) {
    if (errorCode(error) !== 'EACCES') return undefined
    throw new OperatorError(`${file} cannot be read: run this as the user of the server, or name the server with --url`)
  }
}

function describeHolder(file: string): string {
  const holder = readHolder(file)
  return holder ? `process ${holder.pid} on ${holder.address}` : 'another process, which is starting or stopping'
}
