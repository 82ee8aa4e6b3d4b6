import { statSync } from 'node:fs'

/**
 * Root becomes the owner of the data directory, for the rest of this process: a file that root made there (a WAL, a
 * key) could not be read by the service. Anybody else, and a directory that is still to be made, stay as they are.
 */
export function actAsOwnerOf(dataDir: string): void {
  const owner = otherOwnerOf(dataDir)
  if (!owner) return
  process.setgroups?.([owner.gid])
  process.setgid?.(owner.gid)
  process.setuid?.(owner.uid)
}

/** The same for the time of some work, after which root may go on where that owner may not. */
export async function asOwnerOf<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const owner = otherOwnerOf(dataDir)
  if (!owner) return await work()
  process.setegid?.(owner.gid)
  process.seteuid?.(owner.uid)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

function otherOwnerOf(dataDir: string) {
  if (process.geteuid?.() !== 0) return undefined
  const directory = statSync(dataDir, { throwIfNoEntry: false })
  return directory && directory.uid !== 0 ? directory : undefined
}
