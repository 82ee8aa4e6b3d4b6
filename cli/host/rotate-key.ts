import { defineCommand } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { withAuditedContext } from './core-context.ts'

export const rotateKey = defineCommand({
  description: 'Seal every secret anew, with a new sealing key',
  args: settingArgs('data-dir', 'secret-key-file'),
  run: ({ args, path }) =>
    withAuditedContext(args, path, '', async (context, actor) => {
      const count = await context.rotateKey(actor)
      process.stdout.write(
        `Sealed ${count} secrets with a new key. Back it up, apart from the database; older backups need the old one\n`,
      )
    }),
})
