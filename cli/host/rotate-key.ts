import { defineStrictCommand, settingArgs } from '../shared/flags.ts'
import { withAuditedContext } from './core-context.ts'

const COMMAND_NAME = 'cikit-api rotate-key'

export const rotateKey = defineStrictCommand({
  meta: { name: COMMAND_NAME, description: 'Seal every secret anew, with a new sealing key' },
  args: settingArgs('data-dir', 'secret-key-file'),
  run: ({ args }) =>
    withAuditedContext(args, COMMAND_NAME, '', async (context, actor) => {
      const count = await context.rotateKey(actor)
      process.stdout.write(
        `Sealed ${count} secrets with a new key. Back it up, apart from the database; older backups need the old one\n`,
      )
    }),
})
