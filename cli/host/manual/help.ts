import type { CommandDef } from 'citty'
import { settings } from '../../../src/config/settings.ts'
import { version } from '../../../src/version.ts'
import type { CommandPath } from '../../shared/command.ts'
import { type CommandNode, type Flag, PROGRAM_NAME, readCommandTree } from './command-tree.ts'

type Row = [term: string, description: string]

interface HelpSection {
  title: string
  example: string
  commands: Record<string, unknown>
}

/** The help of the program itself: its commands by section, with an example for each. */
export async function renderRootHelp(root: CommandDef, sections: readonly HelpSection[]): Promise<string> {
  const { description, commands } = await readCommandTree(root, PROGRAM_NAME)
  const width = Math.max(...commands.map(({ name }) => name.length))
  const sectionTexts = sections.map(section => {
    const rows = commands.filter(({ name }) => Object.hasOwn(section.commands, name)).map(toCommandRow)
    return `${section.title}\n${toColumns(rows, width)}\n  Example: ${section.example}\n`
  })
  return `${PROGRAM_NAME} ${version}
${description}

Usage: ${PROGRAM_NAME} COMMAND [ARGUMENTS]

${sectionTexts.join('\n')}
For the flags of a command: ${PROGRAM_NAME} COMMAND --help
`
}

/** The help of one command, or of a group of commands. */
export async function renderHelp(command: CommandDef, path: CommandPath): Promise<string> {
  const { description, flags, positionals, commands } = await readCommandTree(
    command,
    path.at(-1) ?? PROGRAM_NAME,
    path.slice(0, -1),
  )
  const name = [PROGRAM_NAME, ...path].join(' ')
  const isSetting = (flag: Flag) => flag.name in settings
  const usage = [
    ...(commands.length > 0 ? ['COMMAND'] : []),
    ...positionals.map(({ required, value }) => (required ? value.hint : `[${value.hint}]`)),
    ...flags.filter(({ required }) => required).map(flagTerm),
    ...(flags.length > 0 ? ['[FLAGS]'] : []),
  ]
  return [
    `${description}\n\nUsage: ${[name, ...usage].join(' ')}\n`,
    toSection(
      'Arguments',
      positionals.map(({ value, description }) => [value.hint, description]),
    ),
    toSection('Commands', commands.map(toCommandRow)),
    toSection('Flags', flags.filter(flag => !isSetting(flag)).map(toFlagRow)),
    toSection('Settings (also environment variables, see cikit-api man)', flags.filter(isSetting).map(toFlagRow)),
  ].join('')
}

function toCommandRow({ name, description }: CommandNode): Row {
  return [name, description]
}

function toFlagRow(flag: Flag): Row {
  return [
    [...flag.aliases.map(alias => `-${alias}`), flagTerm(flag)].join(', '),
    flag.required ? `${flag.description} (required)` : flag.description,
  ]
}

function flagTerm({ name, value }: Flag): string {
  return value ? `--${name}=<${value.hint}>` : `--${name}`
}

function toSection(title: string, rows: Row[]): string {
  return rows.length === 0 ? '' : `\n${title}\n${toColumns(rows)}`
}

function toColumns(rows: Row[], width = Math.max(...rows.map(([term]) => term.length))): string {
  return rows.map(([term, description]) => `  ${term.padEnd(width)}  ${description}\n`).join('')
}
