import { readFileSync } from 'node:fs'
import type { Act } from '../src/audit/service.ts'
import { readEnv, readHost, toAccessConfig } from '../src/config.ts'
import { type Access, createAccess } from '../src/context.ts'
import { takeServeLock } from '../src/store/serve-lock.ts'
import { actAsOwnerOf } from './act-as-owner.ts'
import { flagsOf } from './command.ts'

/**
 * Users, sessions and audit for a command on the host.
 * @param options `alone`: while nobody serves; `auditAnew`: as `openAudit`
 */
export async function withAccess(
  args: Record<string, unknown>,
  work: (access: Access) => void | Promise<void>,
  options: { alone?: boolean; auditAnew?: { by: string } } = {},
): Promise<void> {
  const { alone, ...overrides } = options
  const config = toAccessConfig(flagsOf(args), readEnv(), readHost())
  actAsOwnerOf(config.dataDir)
  const lock = alone ? takeServeLock(config.dataDir) : undefined
  try {
    const access = await createAccess(config, overrides)
    try {
      await work(access)
    } finally {
      await access.close()
    }
  } finally {
    lock?.release()
  }
}

/**
 * The same for a command that does something to a user: the audit tells of it, also when it comes to nothing.
 * @param command its words: `cikit-api user delete`
 */
export async function withAct(
  args: Record<string, unknown>,
  command: string,
  target: string,
  work: (access: Access, act: Act) => Promise<void>,
): Promise<void> {
  const action = command.replace('cikit-api ', '').replaceAll(' ', '.')
  const act = { user: hostUser(), address: 'host', action }
  await withAccess(args, async access => {
    try {
      await work(access, act)
    } catch (error) {
      await access.audit.failed(act, target, error)
      throw error
    }
  })
}

/** Who gives the command, asked before root becomes somebody else. No user of the API has a colon in its name. */
export function hostUser(): string {
  return `host:${nameOfUser()}`
}

/** Whose process this is. `os.userInfo` believes $USER, which anybody may set. */
function nameOfUser(): string {
  const uid = String(process.getuid?.())
  try {
    const users = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map(line => line.split(':'))
    return users.find(fields => fields[2] === uid)?.[0] ?? uid
  } catch {
    return uid
  }
}
