import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMORY_ROOT = '/dev/shm'
/** Far more than the data directories of a test; containers often have only 64 MiB. */
const MIN_FREE_MEMORY_BYTES = 32 * 1024 ** 2

/** A temporary directory, removed when its scope ends: `using dir = tempDir()`. */
export function tempDir() {
  return createDir(tmpdir())
}

/**
 * A temporary directory in memory, if there is room, otherwise on disk. For small data directories in tests that do not
 * need a disk: SQLite syncs every commit, which takes most of the time of such a test on a disk.
 */
export function memoryDir() {
  return createDir(hasMemoryRoot() ? MEMORY_ROOT : tmpdir())
}

function createDir(root: string) {
  const path = mkdtempSync(join(root, 'cikit-api-test-'))
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

function hasMemoryRoot(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY_ROOT)
    return bavail * bsize >= MIN_FREE_MEMORY_BYTES
  } catch {
    return false
  }
}
