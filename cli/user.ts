import { type CommandMeta, defineCommand } from 'citty'
import type { Act } from '../src/audit/service.ts'
import type { Access } from '../src/context.ts'
import { toUserList } from '../src/users/model.ts'
import { withAccess, withAct } from './access.ts'
import { command, settingArgs } from './command.ts'
import { toTable } from './table.ts'

const list = command({
  meta: { name: 'cikit-api user list', description: 'List the users, oldest first' },
  args: {
    json: { type: 'boolean', description: 'Print one JSON array' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: ({ args }) =>
    withAccess(args, ({ users }) => {
      const rows = toUserList(users.list())
      process.stdout.write(
        args.json
          ? `${JSON.stringify(rows)}\n`
          : toTable([['USERNAME', 'GROUP', 'CREATED'], ...rows.map(row => [row.username, row.group, row.created])]),
      )
    }),
})

const remove = onUser({
  meta: { name: 'cikit-api user delete', description: 'Delete a user and end its sessions' },
  work: ({ users }, act, name) => users.remove(act, name),
  done: name => `Deleted ${name}`,
})

const unlock = onUser({
  meta: { name: 'cikit-api user unlock', description: 'Lift the locks on a login, and on addresses' },
  work: ({ users }, act, name) => users.unlockOnHost(act, name),
  done: name => `Unlocked ${name}`,
})

const handOver = onUser({
  meta: { name: 'cikit-api user hand-over', description: 'Make a user the owner, and the present owner a manager' },
  work: ({ users }, act, name) => users.handOver(act, name),
  done: name => `The owner is ${name}`,
})

export const user = defineCommand({
  meta: { name: 'cikit-api user', description: 'List, delete and unlock users, hand the ownership over' },
  subCommands: { list, delete: remove, unlock, 'hand-over': handOver },
})

/** A command that does one thing to the user that it names, and says so. */
function onUser(options: {
  meta: CommandMeta & { name: string }
  work: (access: Access, act: Act, name: string) => Promise<void>
  done: (name: string) => string
}) {
  return command({
    meta: options.meta,
    args: {
      name: { type: 'positional', required: true, description: 'Name of the user' },
      ...settingArgs('data-dir', 'secret-key-file'),
    },
    run: ({ args }) =>
      withAct(args, options.meta.name, args.name, async (access, act) => {
        await options.work(access, act, args.name)
        process.stdout.write(`${options.done(args.name)}\n`)
      }),
  })
}
