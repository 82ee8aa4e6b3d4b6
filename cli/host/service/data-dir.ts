import { lchownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../../src/core/errors.ts'
import { findLockHolder } from '../../../src/store/serve-lock.ts'
import { type Account, userName } from './account.ts'
import { layout } from './layout.ts'

/**
 * Refuses a directory that belongs to somebody else than root and the service, and one that somebody else serves now.
 * @param pid of the service
 */
export async function requireAvailable(path: string, account: Account | undefined, pid: number): Promise<void> {
  const server = findLockHolder(path)
  if (server && server.pid !== pid) {
    throw new OperatorError(`Process ${server.pid} serves ${path} on ${server.address} already: stop it first`)
  }
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats || stats.uid === 0 || stats.uid === account?.uid) return
  const owner = await userName(stats.uid)
  throw new OperatorError(
    `${path} belongs to ${owner}: if it is meant, let it be root's first (chown root ${path}), or name another directory`,
  )
}

/**
 * Makes the directory the service's own, with all that is in it.
 * @returns what was done, for people; undefined when it was so already
 */
export function claimDirectory(path: string, { uid, gid }: Account): string | undefined {
  const existing = statSync(path, { throwIfNoEntry: false })
  if (existing?.uid === uid) return undefined
  mkdirSync(path, { recursive: true, mode: 0o700 })
  // The directory itself comes last: a run that was interrupted is taken up again.
  const entries = existing ? readdirSync(path, { recursive: true, encoding: 'utf8' }) : []
  for (const name of [...entries, '']) lchownSync(join(path, name), uid, gid)
  return existing ? `${path}: it was root's, and belongs to ${layout.account} now` : path
}
