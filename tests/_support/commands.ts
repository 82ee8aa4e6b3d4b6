import { cli } from './cli.ts'

interface Listed {
  words: string
  flags: string[]
}

let listed: Promise<Listed[]> | undefined

/** Every command that does something, with its flags, as the program's own help has them. */
export function listCommands(): Promise<Listed[]> {
  listed ??= below([])
  return listed
}

async function below(words: string[]): Promise<Listed[]> {
  const { stdout } = await cli([...words, '--help'])
  const [, commands = ''] = stdout.split(/^COMMANDS$/m)
  const names = [...commands.matchAll(/^ +([a-z0-9-]+) {2,}/gm)].map(([, name = '']) => name)
  if (names.length > 0) return (await Promise.all(names.map(name => below([...words, name])))).flat()
  const [, options = ''] = stdout.split(/^OPTIONS$/m)
  const flags = [...options.matchAll(/^ +(?:-\w, )?--([a-z0-9-]+)/gm)].map(([, flag = '']) => flag)
  return [{ words: words.join(' '), flags }]
}
