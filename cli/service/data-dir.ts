import { lchownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../src/errors.ts'
import { servedBy } from '../../src/store/serve-lock.ts'
import { type Account, userName } from './account.ts'
import { layout } from './layout.ts'

/**
 * Refuses a directory that belongs to somebody else than root and the service, and one that somebody else serves now.
 * @param pid of the service
 */
export async function requireFree(path: string, account: Account | undefined, pid: number): Promise<void> {
  const holder = servedBy(path)
  if (holder && holder.pid !== pid) {
    throw new OperatorError(`Process ${holder.pid} serves ${path} on ${holder.address} already: stop it first`)
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
export function takeOver(path: string, { uid, gid }: Account): string | undefined {
  const before = statSync(path, { throwIfNoEntry: false })
  if (before?.uid === uid) return undefined
  mkdirSync(path, { recursive: true, mode: 0o700 })
  // The directory itself comes last: a run that was interrupted is taken up again.
  const below = before ? readdirSync(path, { recursive: true, encoding: 'utf8' }) : []
  for (const name of [...below, '']) lchownSync(join(path, name), uid, gid)
  return before ? `${path}: it was root's, and belongs to ${layout.account} now` : path
}
