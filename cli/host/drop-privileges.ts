import { constants, statSync } from 'node:fs'

/**
 * As root, switches to the owner of the data directory for the rest of this process: the service could not read a file
 * that root created there (a WAL, a key). Does nothing for other users, or if the directory does not exist.
 * @param engineSocket keep this socket's group, if the group may use it
 */
export function dropPrivilegesToOwner(dataDir: string, engineSocket?: string): void {
  const owner = nonRootOwner(dataDir)
  if (!owner) return
  process.setgroups?.([owner.gid, ...socketGroups(engineSocket)])
  process.setgid?.(owner.gid)
  process.setuid?.(owner.uid)
}

/** Like `dropPrivilegesToOwner`, only while `work` runs. */
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
