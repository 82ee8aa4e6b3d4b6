import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../../scripts/lib/run.ts'
import { tempDir } from '../temp-dir.ts'

const BLOCK = 4_096

/** Mounts a separate disk that can be filled up. Needs root. */
export async function mountSmallDisk(kilobytes: number) {
  const dir = tempDir()
  const disk = join(dir.path, 'disk')
  mkdirSync(disk)
  await run(['mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', disk])
  const ballast = join(disk, 'ballast')
  return {
    /** A path on the disk that does not exist yet. */
    dataDir: join(disk, 'data'),

    /** Fills the disk. @param freeBlocks blocks of 4 KiB that stay free */
    fill(freeBlocks = 0): void {
      const file = openSync(ballast, 'w')
      let size = 0
      try {
        while (size <= kilobytes * 1_024) size += writeSync(file, Buffer.alloc(BLOCK))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      } finally {
        closeSync(file)
      }
      truncateSync(ballast, Math.max(0, size - freeBlocks * BLOCK))
    },

    /** Frees the space that `fill` took. */
    freeSpace: (): void => rmSync(ballast, { force: true }),

    async [Symbol.asyncDispose]() {
      // Lazily, because a process may still have a file open there.
      await run(['umount', '-l', disk])
      dir[Symbol.dispose]()
    },
  }
}
