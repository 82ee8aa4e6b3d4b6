import { runCli } from './cli.ts'

interface CommandHelp {
  name: string
  flags: string[]
}

let cachedCommands: Promise<CommandHelp[]> | undefined

/** Every command that does something, with its flags, as the program's own help has them. */
export function listCommands(): Promise<CommandHelp[]> {
  cachedCommands ??= collectCommands([])
  return cachedCommands
}

async function collectCommands(path: string[]): Promise<CommandHelp[]> {
  const { stdout } = await runCli([...path, '--help'])
  const [, commands = ''] = stdout.split(/^COMMANDS$/m)
  const names = [...commands.matchAll(/^ +([a-z0-9-]+) {2,}/gm)].map(([, name = '']) => name)
  if (names.length > 0) return (await Promise.all(names.map(name => collectCommands([...path, name])))).flat()
  const [, options = ''] = stdout.split(/^OPTIONS$/m)
  const flags = [...options.matchAll(/^ +(?:-\w, )?--([a-z0-9-]+)/gm)].map(([, flag = '']) => flag)
  return [{ name: path.join(' '), flags }]
}
