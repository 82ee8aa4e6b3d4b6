import { constants, statSync } from 'node:fs'

/**
 * Root becomes the owner of the data directory, for the rest of this process: a file that root made there (a WAL, a
 * key) could not be read by the service. Anybody else, and a directory that is still to be made, stay as they are.
 * @param socket the engine's, for who needs it: its group is kept, if that may use it
 */
export function actAsOwnerOf(dataDir: string, socket?: string): void {
  if (process.geteuid?.() !== 0) return
  const directory = statSync(dataDir, { throwIfNoEntry: false })
  if (!directory || directory.uid === 0) return
  process.setgroups?.([directory.gid, ...groupOf(socket)])
  process.setgid?.(directory.gid)
  process.setuid?.(directory.uid)
}

function groupOf(socket: string | undefined): number[] {
  const file = socket === undefined ? undefined : statSync(socket, { throwIfNoEntry: false })
  const both = constants.S_IRGRP | constants.S_IWGRP
  return file && (file.mode & both) === both ? [file.gid] : []
}
