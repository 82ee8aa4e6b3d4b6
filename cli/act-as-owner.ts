import { constants, statSync } from 'node:fs'

/**
 * Root becomes the owner of the data directory, for the rest of this process: a file that root made there (a WAL, a
 * key) could not be read by the service. Anybody else, and a directory that is still to be made, stay as they are.
 * @param socket the engine's, for who needs it: its group is kept, if that may use it
 */
export function actAsOwnerOf(dataDir: string, socket?: string): void {
  const owner = otherOwnerOf(dataDir)
  if (!owner) return
  process.setgroups?.([owner.gid, ...groupOf(socket)])
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

function groupOf(socket: string | undefined): number[] {
  const file = socket === undefined ? undefined : statSync(socket, { throwIfNoEntry: false })
  const both = constants.S_IRGRP | constants.S_IWGRP
  return file && (file.mode & both) === both ? [file.gid] : []
}
