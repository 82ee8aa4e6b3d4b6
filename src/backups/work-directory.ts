import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errorCode } from '../core/error-code.ts'
import { BACKUP_WORK_NAME } from '../store/files.ts'

/**
 * Path of a temporary file or directory of this process beside `path`. Removes those of ended processes.
 * @returns `<path>.part-<pid>`
 */
export function tempPathFor(path: string): string {
  removeOrphans(path)
  return `${path}.part-${process.pid}`
}

/** Removes temporary files of `path` left by killed processes. */
export function removeOrphans(path: string): void {
  const prefix = `${basename(path)}.part-`
  for (const name of listNames(dirname(path))) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    if (!/^\d+$/.test(pid) || isOtherProcessAlive(Number(pid))) continue
    rmSync(join(dirname(path), name), { recursive: true, force: true })
  }
}

/** Removes work directories left by killed processes. */
export function removeOrphanedWork(dataDir: string): void {
  removeOrphans(join(dataDir, BACKUP_WORK_NAME))
}

/** A temporary directory (0700) in the data directory: `using work = openWorkDirectory(dataDir)`. */
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
    return errorCode(error) === 'EPERM'
  }
}
