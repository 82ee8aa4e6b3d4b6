import { type SettingName, settings, variableOf } from '../../../src/config/settings.ts'
import { type CommandNode, type Flag, leafCommands, type Positional } from './command-tree.ts'
import { macroArgument, sentenceLines, tagList, textLine } from './mdoc.ts'
import { environment, examples, exitCodes, files } from './sections.ts'

const PAGE_DATE = 'November 24, 2026'

/** The manual page, section 1, in mdoc(7). */
export function renderManPage(tree: CommandNode): string {
  const lines = [
    `.Dd ${PAGE_DATE}`,
    '.Dt CIKIT-API 1',
    '.Os cikit-api',
    '.Sh NAME',
    '.Nm cikit-api',
    `.Nd ${textLine(tree.description)}`,
    '.Sh SYNOPSIS',
    '.Nm',
    '.Ar command',
    '.Op Ar argument ...',
    '.Nm',
    '.Fl -version',
    '.Nm',
    '.Op Ar command',
    '.Fl -help',
    '.Sh DESCRIPTION',
    'A Matrix is a host that runs Docker.',
    'It hosts droplets: containers that behave like virtual machines.',
    '.Nm',
    'serves the API that manages them, administers its data on the host, and acts as a client of a remote server.',
    '.Sh COMMANDS',
    ...leafCommands(tree).flatMap(commandLines),
    '.Sh SETTINGS',
    'Each setting is a flag of the commands that use it, and an environment variable; the flag takes precedence.',
    'The default is given in parentheses.',
    ...tagList(settingNames.map(settingItem)),
    '.Sh ENVIRONMENT',
    'The variables of the settings, and these:',
    ...section(environment, 'Ev'),
    '.Sh FILES',
    ...section(files, 'Pa'),
    '.Sh EXIT STATUS',
    ...section(exitCodes, 'Er'),
    'As a client,',
    '.Ic droplet ssh',
    'exits with the exit status of ssh, and',
    '.Ic droplet exec',
    'and',
    '.Ic droplet console',
    'with that of the remote program.',
    '.Sh EXAMPLES',
    ...section(examples, 'Li'),
    '.Sh SEE ALSO',
    '.Xr docker 1 ,',
    '.Xr ssh 1',
  ]
  return `${lines.join('\n')}\n`
}

const settingNames = Object.keys(settings) as SettingName[]

function isSetting({ name }: Flag): boolean {
  return name in settings
}

function commandLines({ path, description, flags, positionals }: CommandNode): string[] {
  const ownFlags = flags.filter(flag => !isSetting(flag))
  const settingFlags = flags.filter(isSetting)
  const items: [string, string][] = [
    ...positionals.map((positional): [string, string] => [
      positionalTerm(positional),
      sentenceLines(positional.description),
    ]),
    ...ownFlags.map((flag): [string, string] => [flagTerm(flag), sentenceLines(flag.description)]),
  ]
  return [
    `.Ss ${path}`,
    '.Nm',
    `.Ic ${path}`,
    ...positionals.map(positional =>
      positional.required ? `.${positionalTerm(positional)}` : `.Op ${positionalTerm(positional)}`,
    ),
    ...ownFlags.map(flag => (flag.required ? `.${flagTerm(flag)}` : `.Op ${flagTerm(flag)}`)),
    ...(settingFlags.length > 0 ? ['.Op Ar setting ...'] : []),
    '.Pp',
    sentenceLines(description),
    ...tagList(items),
    ...(settingFlags.length > 0
      ? [
          '.Pp',
          'Settings:',
          ...settingFlags.map(({ name }, at) => `.Fl -${name}${at < settingFlags.length - 1 ? ' ,' : ' .'}`),
        ]
      : []),
  ]
}

function flagTerm({ name, aliases, value }: Flag): string {
  const names = [...aliases.map(alias => `Fl ${alias}`), `Fl -${name}`].join(' , ')
  return value ? `${names} Ar ${macroArgument(value.hint)}` : names
}

function positionalTerm({ value }: Positional): string {
  return `Ar ${macroArgument(value.hint)}`
}

function settingItem(name: SettingName): [string, string] {
  const { hint, description } = settings[name]
  return [`Fl -${name} Ar ${hint} , Ev ${variableOf(name)}`, sentenceLines(description)]
}

function section(items: readonly (readonly [string, string])[], macro: string): string[] {
  return tagList(
    items.map(([term, description]) => [`${macro} ${macroArgument(term)}`, sentenceLines(description)] as const),
  )
}
