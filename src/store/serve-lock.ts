import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../errors.ts'
import { createPrivateFile, prepareDataDir } from './files.ts'

export interface ServeLock {
  /** Says to a later one where the first one listens. */
  announce(address: string): void
  release(): void
}

/** Keeps the locks from the garbage collector, which would close the database and with it let go of the lock. */
const held = new Set<Sqlite>()

/**
 * Takes the data directory for one serving process. The lock is SQLite's own on an empty database, which the kernel
 * drops with the process however that ends: no stale lock after a kill -9.
 * @throws OperatorError naming the process that has it
 */
export function takeServeLock(dataDir: string): ServeLock {
  const lockFile = join(dataDir, 'serve.lock')
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
  held.add(lock)
  // What a holder that was killed left there.
  rmSync(holderFile, { force: true })
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

/**
 * Which process serves the directory, and where, as it says itself; nobody while it is just starting or stopping.
 * @throws OperatorError when it is not for this user to read
 */
export function servedBy(dataDir: string): Holder | undefined {
  const holder = readHolder(holderFileOf(dataDir))
  // One that was killed could not take its word back.
  return holder && existsSync(`/proc/${holder.pid}`) ? holder : undefined
}

export interface Holder {
  pid: number
  /** `http://127.0.0.1:1337/` */
  address: string
}

function holderFileOf(dataDir: string): string {
  return join(dataDir, 'serve.json')
}

function readHolder(file: string): Holder | undefined {
  try {
    const { pid, address } = JSON.parse(readFileSync(file, 'utf8'))
    return { pid: Number(pid), address: String(address) }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) return undefined
    throw new OperatorError(`${file} cannot be read: run this as the user that serves, or name the server by --url`)
  }
}

function describeHolder(file: string): string {
  const holder = readHolder(file)
  return holder ? `process ${holder.pid} on ${holder.address}` : 'another process, which is just starting or stopping'
}
