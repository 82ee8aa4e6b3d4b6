import { defineCommand } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { withAuditedContext } from './core-context.ts'

export const rotateKey = defineCommand({
  description: 'Create a new encryption key and re-encrypt every secret',
  args: settingArgs('data-dir', 'secret-key-file'),
  run: ({ args, path }) =>
    withAuditedContext(args, path, '', async (context, actor) => {
      const count = await context.rotateKey(actor)
      process.stdout.write(
        `Re-encrypted ${count} secrets with a new key. Back it up separately from the database; older backups need the old key\n`,
      )
    }),
})
