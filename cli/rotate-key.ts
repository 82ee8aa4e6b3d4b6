import { withAct } from './access.ts'
import { command, settingArgs } from './command.ts'

const NAME = 'cikit-api rotate-key'

export const rotateKey = command({
  meta: { name: NAME, description: 'Seal every secret anew, with a new sealing key' },
  args: settingArgs('data-dir', 'secret-key-file'),
  run: ({ args }) =>
    withAct(args, NAME, '', async (access, act) => {
      const count = await access.rotateKey(act)
      process.stdout.write(
        `Sealed ${count} secrets with a new key. Back it up, apart from the database; older backups need the old one\n`,
      )
    }),
})
