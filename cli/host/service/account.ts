import { OperatorError } from '../../../src/core/errors.ts'
import { runProgram } from '../../shared/run-program.ts'
import { layout } from './layout.ts'

/** The service's user and groups, by number. */
export interface Account {
  uid: number
  gid: number
  /** Groups of the account itself, without those that the unit adds. */
  groups: number[]
}

/** @returns undefined if the service's account does not exist */
export async function findAccount(): Promise<Account | undefined> {
  const { stdout } = await runProgram(['getent', 'passwd', layout.account])
  const [, , uid, gid] = stdout.trim().split(':')
  if (uid === undefined || gid === undefined) return undefined
  const { stdout: groups } = await runProgram(['id', '-G', layout.account])
  return { uid: Number(uid), gid: Number(gid), groups: groups.trim().split(' ').map(Number) }
}

/** Creates the service's system account and its group, without shell, password or home directory. */
export async function createAccount(): Promise<Account> {
  const group = (await groupId(layout.account)) === undefined ? ['--user-group'] : ['--gid', layout.account]
  const home = ['--no-create-home', '--home-dir', layout.dataDir, '--shell', '/usr/sbin/nologin']
  await runOrThrow(['useradd', '--system', ...group, ...home, layout.account])
  const account = await findAccount()
  if (!account)
    throw new OperatorError(`useradd did not create ${layout.account}: create a system user with this name first`)
  return account
}

export async function removeAccount(): Promise<void> {
  await runOrThrow(['userdel', layout.account])
}

/** @returns undefined if there is no such group */
export async function groupId(name: string): Promise<number | undefined> {
  const { stdout } = await runProgram(['getent', 'group', name])
  const id = stdout.split(':')[2]
  return id === undefined ? undefined : Number(id)
}

/** @returns undefined if the group has no name */
export async function groupName(id: number): Promise<string | undefined> {
  const { stdout } = await runProgram(['getent', 'group', String(id)])
  return stdout.split(':')[0] || undefined
}

export async function groupNames(ids: readonly number[]): Promise<string[]> {
  const names = await Promise.all(ids.map(groupName))
  return names.filter(name => name !== undefined)
}

/** The name of a user, or its number if it has none. */
export async function userName(id: number): Promise<string> {
  const { stdout } = await runProgram(['getent', 'passwd', String(id)])
  return stdout.split(':')[0] || String(id)
}

async function runOrThrow(command: [string, ...string[]]): Promise<void> {
  const { code, stderr } = await runProgram(command)
  if (code !== 0) throw new OperatorError(`${command[0]} failed (${code}): ${stderr.trim().replaceAll('\n', '; ')}`)
}
