import { OperatorError } from '../../../src/core/errors.ts'
import { runProgram } from '../../shared/run-program.ts'
import { layout } from './layout.ts'

/** Who the service is, in numbers. */
export interface Account {
  uid: number
  gid: number
  /** Those of the account itself, beside what the unit adds. */
  groups: number[]
}

/** The service's account, where there is one. */
export async function findAccount(): Promise<Account | undefined> {
  const { stdout } = await runProgram(['getent', 'passwd', layout.account])
  const [, , uid, gid] = stdout.trim().split(':')
  if (uid === undefined || gid === undefined) return undefined
  const { stdout: groups } = await runProgram(['id', '-G', layout.account])
  return { uid: Number(uid), gid: Number(gid), groups: groups.trim().split(' ').map(Number) }
}

/** Makes the service's account and its group: a system's one, without a shell, a password or a home that is made. */
export async function createAccount(): Promise<Account> {
  const group = (await groupId(layout.account)) === undefined ? ['--user-group'] : ['--gid', layout.account]
  const home = ['--no-create-home', '--home-dir', layout.dataDir, '--shell', '/usr/sbin/nologin']
  await runOrThrow(['useradd', '--system', ...group, ...home, layout.account])
  const account = await findAccount()
  if (!account) throw new OperatorError(`useradd made no ${layout.account}: make a system user of this name first`)
  return account
}

export async function removeAccount(): Promise<void> {
  await runOrThrow(['userdel', layout.account])
}

/** The number of a group by its name, if there is such a group. */
export async function groupId(name: string): Promise<number | undefined> {
  const { stdout } = await runProgram(['getent', 'group', name])
  const id = stdout.split(':')[2]
  return id === undefined ? undefined : Number(id)
}

/** The name of a group by its number, if it has one. */
export async function groupName(id: number): Promise<string | undefined> {
  const { stdout } = await runProgram(['getent', 'group', String(id)])
  return stdout.split(':')[0] || undefined
}

export async function groupNames(ids: readonly number[]): Promise<string[]> {
  const names = await Promise.all(ids.map(groupName))
  return names.filter(name => name !== undefined)
}

/** The name of a user by its number, for people. */
export async function userName(id: number): Promise<string> {
  const { stdout } = await runProgram(['getent', 'passwd', String(id)])
  return stdout.split(':')[0] || String(id)
}

async function runOrThrow(command: [string, ...string[]]): Promise<void> {
  const { code, stderr } = await runProgram(command)
  if (code !== 0) throw new OperatorError(`${command[0]} failed (${code}): ${stderr.trim().replaceAll('\n', '; ')}`)
}
