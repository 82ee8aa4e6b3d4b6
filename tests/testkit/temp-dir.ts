import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMORY_ROOT = '/dev/shm'
const MIB = 1024 ** 2

/** A temporary directory, removed when its scope ends: `using dir = tempDir()`. */
export function tempDir() {
  return createDir(tmpdir())
}

/**
 * A temporary directory in memory, if there is room, otherwise on disk. For data directories in tests that do not need
 * a disk: SQLite syncs every commit, which takes most of the time of such a test on a disk.
 * @param options `minFreeMib`: required room; by default enough for small databases, since containers often have only 64
 */
export function memoryDir({ minFreeMib = 32 } = {}) {
  return createDir(freeMemoryBytes() >= minFreeMib * MIB ? MEMORY_ROOT : tmpdir())
}

function createDir(root: string) {
  const path = mkdtempSync(join(root, 'cikit-api-test-'))
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

function freeMemoryBytes(): number {
  try {
    const { bavail, bsize } = statfsSync(MEMORY_ROOT)
    return bavail * bsize
  } catch {
    return 0
  }
}
