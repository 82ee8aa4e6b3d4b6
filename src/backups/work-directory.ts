import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { BACKUP_WORK_NAME } from '../store/files.ts'

/**
 * A path of this process's own beside `path`, for what is not finished; those of processes that are gone are removed.
 * @returns `<path>.part-<pid>`
 */
export function tempPathFor(path: string): string {
  removeOrphans(path)
  return `${path}.part-${process.pid}`
}

/** Removes what processes that were killed left of `path`. */
export function removeOrphans(path: string): void {
  const prefix = `${basename(path)}.part-`
  for (const name of listNames(dirname(path))) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    if (!/^\d+$/.test(pid) || isOtherProcessAlive(Number(pid))) continue
    rmSync(join(dirname(path), name), { recursive: true, force: true })
  }
}

/** Removes the work directories of processes that were killed. */
export function removeOrphanedWork(dataDir: string): void {
  removeOrphans(join(dataDir, BACKUP_WORK_NAME))
}

/** A directory in the data directory (0700) for the time of a backup: `using work = openWorkDirectory(dataDir)`. */
export function openWorkDirectory(dataDir: string) {
  const path = tempPathFor(join(dataDir, BACKUP_WORK_NAME))
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { mode: 0o700 })
  chmodSync(path, 0o700)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function isOtherProcessAlive(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
