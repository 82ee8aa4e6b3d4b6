import { statSync } from 'node:fs'

/**
 * Root becomes the owner of the data directory, for the rest of this process: a file that root made there (a WAL, a
 * key) could not be read by the service. Anybody else, and a directory that is still to be made, stay as they are.
 */
export function actAsOwnerOf(dataDir: string): void {
  if (process.geteuid?.() !== 0) return
  const directory = statSync(dataDir, { throwIfNoEntry: false })
  if (!directory || directory.uid === 0) return
  process.setgroups?.([directory.gid])
  process.setgid?.(directory.gid)
  process.setuid?.(directory.uid)
}
