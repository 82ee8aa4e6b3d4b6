import { rootCommand } from '../../cli/commands.ts'
import {
  type CommandNode,
  type Flag,
  leafCommands,
  type Positional,
  PROGRAM_NAME,
  readCommandTree,
} from '../../cli/host/manual/command-tree.ts'
import { serverSettings } from '../../cli/shared/flags.ts'
import { type SettingName, settings, variableOf } from '../../src/config/settings.ts'
import { catalogue } from '../../src/core/errors.ts'

/** Markdown that replaces the text between `<!-- generated: NAME -->` and `<!-- /generated -->`. */
type GeneratedSections = Record<string, string>

export async function generateSections(): Promise<GeneratedSections> {
  return {
    settings: settingsTable(),
    errors: errorsTable(),
    commands: commandReference(await readCommandTree(rootCommand, PROGRAM_NAME)),
  }
}

/**
 * @returns the page with its generated sections up to date
 * @throws Error naming a section that nothing generates
 */
export function fillSections(page: string, sections: GeneratedSections): string {
  return page.replace(SECTION, (_, name: string) => {
    const section = sections[name]
    if (section === undefined) throw new Error(`Nothing generates the section "${name}"`)
    return `<!-- generated: ${name} -->\n${section}\n<!-- /generated -->`
  })
}

const SECTION = /<!-- generated: ([a-z-]+) -->\n[\s\S]*?<!-- \/generated -->/g

function settingsTable(): string {
  const rows = (Object.keys(settings) as SettingName[]).map(name => {
    const { hint, description } = settings[name]
    const { text, default: defaultValue } = splitDefault(description)
    return [code(`--${name} ${hint}`), code(variableOf(name)), text, defaultValue]
  })
  return table(['flag', 'variable', 'meaning', 'default'], rows)
}

/** A setting's description ends with its default in parentheses, if it has one. */
function splitDefault(description: string): { text: string; default: string } {
  const match = /^(.*) \((?:default:? )?([^()]*)\)$/.exec(description)
  return { text: match?.[1] ?? description, default: match?.[2] ?? '' }
}

function errorsTable(): string {
  const errors = Object.values(catalogue).toSorted((left, right) => left.id - right.id)
  return table(
    ['errorId', 'status', 'text'],
    errors.map(({ id, status, text }) => [String(id), String(status), text]),
  )
}

function commandReference(tree: CommandNode): string {
  return leafCommands(tree).map(commandSection).join('\n\n')
}

function commandSection({ path, description, flags, positionals }: CommandNode): string {
  const ownFlags = flags.filter(flag => !isSetting(flag))
  const settingNames = flags.filter(isSetting).map(({ name }) => name)
  const usage = [PROGRAM_NAME, path, ...positionals.map(positionalUsage), ...ownFlags.map(flagUsage)].join(' ')
  const items = [
    ...positionals.map(({ value, description }) => [code(value.hint), description]),
    ...ownFlags.map(flag => [code(flagTerm(flag)), flag.description]),
  ]
  return [
    `### ${path}`,
    `${description}.`.replace('..', '.'),
    `\`\`\`\n${usage}\n\`\`\``,
    ...(items.length > 0 ? [table(['argument', 'meaning'], items)] : []),
    ...settingsLine(settingNames),
  ].join('\n\n')
}

function settingsLine(names: string[]): string[] {
  if (names.length === 0) return []
  if (serverSettings.every(name => names.includes(name))) return ['Settings: all of [a server](configuration.md).']
  return [`Settings: ${names.map(name => code(`--${name}`)).join(', ')}.`]
}

function isSetting({ name }: Flag): boolean {
  return name in settings
}

function positionalUsage({ value, required }: Positional): string {
  return required ? value.hint : `[${value.hint}]`
}

function flagUsage(flag: Flag): string {
  const { name, value } = flag
  const usage = value ? `--${name} ${value.hint}` : `--${name}`
  return flag.required ? usage : `[${usage}]`
}

function flagTerm({ name, aliases, value }: Flag): string {
  const names = [...aliases.map(alias => `-${alias}`), `--${name}`].join(', ')
  return value ? `${names} ${value.hint}` : names
}

function code(text: string): string {
  return `\`${text}\``
}

function table(headings: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n')
}
