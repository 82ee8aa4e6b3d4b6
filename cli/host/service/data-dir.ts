import { lchownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../../src/core/errors.ts'
import { findLockHolder } from '../../../src/store/serve-lock.ts'
import { type Account, userName } from './account.ts'
import { layout } from './layout.ts'

/**
 * Rejects a directory that another process serves, or that belongs to a user other than root and the service.
 * @param pid of the service
 */
export async function requireAvailable(path: string, account: Account | undefined, pid: number): Promise<void> {
  const server = findLockHolder(path)
  if (server && server.pid !== pid) {
    throw new OperatorError(`Process ${server.pid} already serves ${path} on ${server.address}: stop it first`)
  }
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats || stats.uid === 0 || stats.uid === account?.uid) return
  const owner = await userName(stats.uid)
  throw new OperatorError(`${path} belongs to ${owner}: run chown root ${path} to use it, or name another directory`)
}

/**
 * Gives the directory and its contents to the service's account.
 * @returns a description of the change; undefined if there was none
 */
export function claimDirectory(path: string, { uid, gid }: Account): string | undefined {
  const existing = statSync(path, { throwIfNoEntry: false })
  if (existing?.uid === uid) return undefined
  mkdirSync(path, { recursive: true, mode: 0o700 })
  // The directory itself comes last, so that an interrupted run is completed by the next one.
  const entries = existing ? readdirSync(path, { recursive: true, encoding: 'utf8' }) : []
  for (const name of [...entries, '']) lchownSync(join(path, name), uid, gid)
  return existing ? `${path}: owner changed from root to ${layout.account}` : path
}
