import { defineCommand } from 'citty'
import { readEnv, readHost, toAccessConfig } from '../src/config.ts'
import { type Access, createAccess } from '../src/context.ts'
import { toUserList } from '../src/users/model.ts'
import { actAsOwnerOf } from './act-as-owner.ts'
import { command, flagsOf, settingArgs } from './command.ts'

const list = command({
  meta: { name: 'cikit-api user list', description: 'List the users, oldest first' },
  args: {
    json: { type: 'boolean', description: 'Print one JSON array' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: ({ args }) =>
    withAccess(args, ({ users }) => {
      const rows = toUserList(users.list())
      process.stdout.write(args.json ? `${JSON.stringify(rows)}\n` : toTable(rows))
    }),
})

const remove = command({
  meta: { name: 'cikit-api user delete', description: 'Delete a user and end its sessions' },
  args: {
    name: { type: 'positional', required: true, description: 'Name of the user' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: ({ args }) =>
    withAccess(args, async ({ users }) => {
      await users.remove(args.name)
      process.stdout.write(`Deleted ${args.name}\n`)
    }),
})

const unlock = command({
  meta: { name: 'cikit-api user unlock', description: 'Lift the locks on a login, and on addresses' },
  args: {
    name: { type: 'positional', required: true, description: 'Name of the user' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: ({ args }) =>
    withAccess(args, async ({ users }) => {
      await users.unlockOnHost(args.name)
      process.stdout.write(`Unlocked ${args.name}\n`)
    }),
})

const handOver = command({
  meta: { name: 'cikit-api user hand-over', description: 'Make a user the owner, and the present owner a manager' },
  args: {
    name: { type: 'positional', required: true, description: 'Name of the user' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: ({ args }) =>
    withAccess(args, async ({ users }) => {
      await users.handOver(args.name)
      process.stdout.write(`The owner is ${args.name}\n`)
    }),
})

export const user = defineCommand({
  meta: { name: 'cikit-api user', description: 'List, delete and unlock users, hand the ownership over' },
  subCommands: { list, delete: remove, unlock, 'hand-over': handOver },
})

async function withAccess(args: Record<string, unknown>, work: (access: Access) => void | Promise<void>) {
  const config = toAccessConfig(flagsOf(args), readEnv(), readHost())
  actAsOwnerOf(config.dataDir)
  const access = await createAccess(config)
  try {
    await work(access)
  } finally {
    access.close()
  }
}

function toTable(rows: ReturnType<typeof toUserList>): string {
  const lines = [['USERNAME', 'GROUP', 'CREATED'], ...rows.map(row => [row.username, row.group, row.created])]
  const widths = [0, 1].map(column => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  return lines.map(line => `${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`).join('')
}
