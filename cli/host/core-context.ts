import { readFileSync } from 'node:fs'
import { readEnv, readHostFacts, toCoreConfig } from '../../src/config/config.ts'
import type { Actor } from '../../src/core/actor.ts'
import { type CoreContext, createCoreContext } from '../../src/core-context.ts'
import { acquireServeLock } from '../../src/store/serve-lock.ts'
import type { CommandPath } from '../shared/command.ts'
import { toFlags } from '../shared/flags.ts'
import { dropPrivilegesToOwner } from './drop-privileges.ts'

/**
 * Users, sessions and audit for a command on the host.
 * @param options `exclusive` requires that no server runs; `restartAudit` as in `openAudit`
 */
export async function withCoreContext(
  args: Record<string, unknown>,
  work: (context: CoreContext) => void | Promise<void>,
  options: { exclusive?: boolean; restartAudit?: { by: string } } = {},
): Promise<void> {
  const { exclusive, ...overrides } = options
  const config = toCoreConfig(toFlags(args), readEnv(), readHostFacts())
  dropPrivilegesToOwner(config.dataDir)
  const lock = exclusive ? acquireServeLock(config.dataDir) : undefined
  try {
    const context = await createCoreContext(config, overrides)
    try {
      await work(context)
    } finally {
      await context.close()
    }
  } finally {
    lock?.release()
  }
}

/** Like `withCoreContext`, for a command whose outcome is audited, failures included. */
export async function withAuditedContext(
  args: Record<string, unknown>,
  path: CommandPath,
  target: string,
  work: (context: CoreContext, actor: Actor) => Promise<void>,
): Promise<void> {
  const actor = hostActor(path)
  await withCoreContext(args, async context => {
    try {
      await work(context, actor)
    } catch (error) {
      await context.audit.recordFailure(actor, target, error)
      throw error
    }
  })
}

/**
 * The caller for the audit log. Call before dropping privileges.
 * @param path the command's words, which are the action: `user.delete`
 */
export function hostActor(path: CommandPath): Actor {
  return { user: hostUser(), address: 'host', action: path.join('.') }
}

/** The calling user, as the audit log names it: `host:root`. API usernames contain no colon. */
export function hostUser(): string {
  return `host:${processUsername()}`
}

/** Looked up by uid: `os.userInfo` trusts $USER, which anyone can set. */
function processUsername(): string {
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
