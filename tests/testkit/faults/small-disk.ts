import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../../scripts/lib/run.ts'
import { tempDir } from '../temp-dir.ts'

const BLOCK = 4_096

/** A disk of its own that can be filled up (as root). */
export async function mountSmallDisk(kilobytes: number) {
  const dir = tempDir()
  const disk = join(dir.path, 'disk')
  mkdirSync(disk)
  await run(['mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', disk])
  const ballast = join(disk, 'ballast')
  return {
    /** A directory on the disk, which is not made yet. */
    dataDir: join(disk, 'data'),

    /** Takes all the space there is, but for so many blocks of 4 KiB. */
    fill(freeBlocks = 0): void {
      const file = openSync(ballast, 'w')
      let size = 0
      try {
        for (;;) size += writeSync(file, Buffer.alloc(BLOCK))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      } finally {
        closeSync(file)
      }
      truncateSync(ballast, Math.max(0, size - freeBlocks * BLOCK))
    },

    /** Gives back what `fill` took. */
    freeSpace: (): void => rmSync(ballast, { force: true }),

    async [Symbol.asyncDispose]() {
      // Lazily, since somebody who still holds a file open there must not keep the test from cleaning up.
      await run(['umount', '-l', disk])
      dir[Symbol.dispose]()
    },
  }
}
