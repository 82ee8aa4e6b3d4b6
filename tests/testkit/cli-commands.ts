import { runCli } from './cli.ts'

interface CommandHelp {
  name: string
  flags: string[]
}

let cachedCommands: Promise<CommandHelp[]> | undefined

/** Every command with its flags, read from the program's own help. */
export function listCommands(): Promise<CommandHelp[]> {
  cachedCommands ??= collectCommands([])
  return cachedCommands
}

async function collectCommands(path: string[]): Promise<CommandHelp[]> {
  const { stdout } = await runCli([...path, '--help'])
  const termsBelow = (heading: RegExp, term: RegExp) =>
    stdout
      .split(/^(?=\S)/m)
      .filter(section => heading.test(section))
      .flatMap(section => [...section.matchAll(term)].map(([, name = '']) => name))
  const names = termsBelow(/^(Server|This host|Client|Commands)\n/, /^ {2}([a-z][a-z0-9-]*) /gm)
  if (names.length > 0) return (await Promise.all(names.map(name => collectCommands([...path, name])))).flat()
  const flags = termsBelow(/^(Flags|Settings)/, /^ {2}(?:-\w, )?--([a-z0-9-]+)/gm)
  return [{ name: path.join(' '), flags }]
}
