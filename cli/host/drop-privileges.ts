import { constants, statSync } from 'node:fs'

/**
 * Root becomes the owner of the data directory, for the rest of this process: a file that root made there (a WAL, a
 * key) could not be read by the service. Anybody else, and a directory that is still to be made, stay as they are.
 * @param engineSocket the engine's, for who needs it: its group is kept, if that may use it
 */
export function dropPrivilegesToOwner(dataDir: string, engineSocket?: string): void {
  const owner = nonRootOwner(dataDir)
  if (!owner) return
  process.setgroups?.([owner.gid, ...socketGroups(engineSocket)])
  process.setgid?.(owner.gid)
  process.setuid?.(owner.uid)
}

/** The same for the time of some work, after which root may go on where that owner may not. */
export async function runAsOwner<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const owner = nonRootOwner(dataDir)
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

function nonRootOwner(dataDir: string) {
  if (process.geteuid?.() !== 0) return undefined
  const stats = statSync(dataDir, { throwIfNoEntry: false })
  return stats && stats.uid !== 0 ? stats : undefined
}

function socketGroups(socket: string | undefined): number[] {
  const stats = socket === undefined ? undefined : statSync(socket, { throwIfNoEntry: false })
  const readWrite = constants.S_IRGRP | constants.S_IWGRP
  return stats && (stats.mode & readWrite) === readWrite ? [stats.gid] : []
}
