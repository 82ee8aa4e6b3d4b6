import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '../../../src/core/errors.ts'
import { runProgram } from '../../shared/run-program.ts'
import { type Account, groupId } from './account.ts'
import { layout } from './layout.ts'

/** Debian's group for access to TLS keys. */
export const TLS_GROUP = 'ssl-cert'

/** Hidden from the service by ProtectHome and PrivateTmp. */
const HIDDEN_DIRECTORIES = ['/home', '/root', '/run/user', '/tmp', '/var/tmp']

/** @throws ConfigError for a path that is hidden from the service */
export function rejectHidden(flag: string, path: string): void {
  const real = existsSync(path) ? realpathSync(path) : path
  const hidden = HIDDEN_DIRECTORIES.find(directory => real === directory || real.startsWith(`${directory}/`))
  if (!hidden) return
  throw new ConfigError(`${flag} ${path} lies below ${hidden}, which is hidden from the service: name another path`)
}

/**
 * Tests access as the service will have it: with its user and groups, and without root's capabilities.
 * @throws ConfigError with the commands that grant access
 */
export async function requireReadable(flag: string, path: string, account: Account): Promise<void> {
  if (!existsSync(path)) throw new ConfigError(`${flag} ${path} does not exist: name an existing file`)
  const { uid, gid } = account
  const groups = account.groups.length > 0 ? ['--groups', account.groups.join(',')] : ['--clear-groups']
  const ids = ['--reuid', String(uid), '--regid', String(gid), ...groups]
  const { code } = await runProgram(['setpriv', ...ids, 'test', '-r', path])
  if (code !== 0) throw new ConfigError(await unreadableMessage(flag, path))
}

async function unreadableMessage(flag: string, path: string): Promise<string> {
  const real = realpathSync(path)
  const directory = dirname(real)
  const isClosed = (statSync(directory).mode & 0o001) === 0
  const createGroup = (await groupId(TLS_GROUP)) === undefined ? `groupadd --system ${TLS_GROUP} && ` : ''
  const files = isClosed ? `${directory} ${real}` : real
  const modes = `chmod g+r ${real}${isClosed ? ` && chmod g+x ${directory}` : ''}`
  const remedy = `${createGroup}chgrp ${TLS_GROUP} ${files} && ${modes}`
  return `${flag} ${path} cannot be read by the service's user ${layout.account}: grant its group access with ${remedy}`
}
