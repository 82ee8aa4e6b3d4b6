import { type Dirent, readdirSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Finding, failed, ok, warning } from './finding.ts'

/** Below this, a busy day's audit log or the copy before a migration may not fit. */
const LOW_SPACE_BYTES = 500 * 1024 * 1024
const CRITICAL_SPACE_BYTES = 20 * 1024 * 1024

/** Checks that others cannot read the data directory, and that its disk has space. */
export function checkDataDir(dataDir: string): Finding[] {
  const directory = statSync(dataDir, { throwIfNoEntry: false })
  if (!directory) return [warning('data directory', `${dataDir} does not exist yet: the first start creates it`)]
  if (!directory.isDirectory())
    return [failed('data directory', `${dataDir} is not a directory: name another --data-dir`)]
  return [checkModes(dataDir), checkSpace(dataDir)]
}

function checkModes(dataDir: string): Finding {
  const exposed = [dataDir, ...listFiles(dataDir)].filter(path => ((modeOf(path) ?? 0) & 0o077) !== 0)
  if (exposed.length === 0) return ok('data directory', `only its owner can read ${dataDir}`)
  const [first = '', ...more] = exposed
  const others = more.length === 0 ? '' : ` and ${more.length} more`
  return failed('data directory', `${first}${others} can be read by others: run chmod -R go= ${dataDir}`)
}

function checkSpace(dataDir: string): Finding {
  const { bavail, bsize } = statfsSync(dataDir)
  const free = bavail * bsize
  const text = `${formatBytes(free)} free at ${dataDir}`
  if (free < CRITICAL_SPACE_BYTES) return failed('disk', `${text}: free some space, or nobody can log in`)
  if (free < LOW_SPACE_BYTES) return warning('disk', `${text}: free some space`)
  return ok('disk', text)
}

function listFiles(directory: string): string[] {
  const entries: Dirent[] = readdirSync(directory, { withFileTypes: true, recursive: true })
  // A link has no mode of its own, and its target is the operator's concern.
  return entries.filter(entry => !entry.isSymbolicLink()).map(entry => join(entry.parentPath, entry.name))
}

/** Undefined for a file that a running server has just removed. */
function modeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mode
}

function formatBytes(bytes: number): string {
  const gigabytes = bytes / 1024 ** 3
  return gigabytes >= 1 ? `${gigabytes.toFixed(1)} GiB` : `${Math.floor(bytes / 1024 ** 2)} MiB`
}
