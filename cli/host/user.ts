import type { Actor } from '../../src/core/actor.ts'
import type { CoreContext } from '../../src/core-context.ts'
import { toUserList } from '../../src/users/to-body.ts'
import { defineCommand, defineGroup } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { toTable } from '../shared/table.ts'
import { withAuditedContext, withCoreContext } from './core-context.ts'

const list = defineCommand({
  description: 'List the users, oldest first',
  args: {
    json: { type: 'boolean', description: 'Print one JSON array' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: ({ args }) =>
    withCoreContext(args, ({ users }) => {
      const rows = toUserList(users.list())
      process.stdout.write(
        args.json
          ? `${JSON.stringify(rows)}\n`
          : toTable([['USERNAME', 'GROUP', 'CREATED'], ...rows.map(row => [row.username, row.group, row.created])]),
      )
    }),
})

const remove = createUserActionCommand({
  description: 'Delete a user and end its sessions',
  run: ({ users }, actor, username) => users.remove(actor, username),
  successMessage: username => `Deleted ${username}`,
})

const unlock = createUserActionCommand({
  description: 'Unlock the login of a user, and locked addresses',
  run: ({ users }, actor, username) => users.unlockOnHost(actor, username),
  successMessage: username => `Unlocked ${username}`,
})

const handOver = createUserActionCommand({
  description: 'Make a user the owner; the current owner becomes a manager',
  run: ({ users }, actor, username) => users.handOver(actor, username),
  successMessage: username => `${username} is now the owner`,
})

export const user = defineGroup({
  description: 'List, delete and unlock users, and hand over ownership',
  subCommands: { list, delete: remove, unlock, 'hand-over': handOver },
})

/** A command that performs one action on a user. */
function createUserActionCommand(options: {
  description: string
  run: (context: CoreContext, actor: Actor, username: string) => Promise<void>
  successMessage: (username: string) => string
}) {
  return defineCommand({
    description: options.description,
    args: {
      name: { type: 'positional', required: true, description: 'Name of the user' },
      ...settingArgs('data-dir', 'secret-key-file'),
    },
    run: ({ args, path }) =>
      withAuditedContext(args, path, args.name, async (context, actor) => {
        await options.run(context, actor, args.name)
        process.stdout.write(`${options.successMessage(args.name)}\n`)
      }),
  })
}
