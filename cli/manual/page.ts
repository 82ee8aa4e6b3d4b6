import { type SettingName, settings, variableOf } from '../../src/config.ts'
import { argument, list, sentence, text } from './mdoc.ts'
import { environment, examples, exitCodes, files } from './sections.ts'
import { type Entry, type Flag, leavesOf, type Positional } from './tree.ts'

const WRITTEN = 'November 24, 2026'

/** The manual page, section 1, in mdoc(7): what the commands and the settings say of themselves, and a little more. */
export function manPage(tree: Entry): string {
  const lines = [
    `.Dd ${WRITTEN}`,
    '.Dt CIKIT-API 1',
    '.Os cikit-api',
    '.Sh NAME',
    '.Nm cikit-api',
    `.Nd ${text(tree.description)}`,
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
    'On it live droplets: containers that behave as virtual machines.',
    '.Nm',
    'serves the API by which teams manage them, works on its data on the host, and is a client of a server elsewhere.',
    '.Sh COMMANDS',
    ...leavesOf(tree).flatMap(commandLines),
    '.Sh SETTINGS',
    'Each setting is a flag of the commands that need it, and a variable of the environment; the flag wins.',
    'In parentheses stands what counts where neither is given.',
    ...list(settingNames.map(settingItem)),
    '.Sh ENVIRONMENT',
    'The variables of the settings, and:',
    ...section(environment, 'Ev'),
    '.Sh FILES',
    ...section(files, 'Pa'),
    '.Sh EXIT STATUS',
    ...section(exitCodes, 'Er'),
    'As a client,',
    '.Ic droplet ssh',
    'exits as ssh does,',
    '.Ic droplet exec',
    'and',
    '.Ic droplet console',
    'as what ran there.',
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

function commandLines({ words, description, flags, positionals }: Entry): string[] {
  const own = flags.filter(flag => !isSetting(flag))
  const taken = flags.filter(isSetting)
  const items: [string, string][] = [
    ...positionals.map((positional): [string, string] => [placeOf(positional), sentence(positional.description)]),
    ...own.map((flag): [string, string] => [flagTerm(flag), sentence(flag.description)]),
  ]
  return [
    `.Ss ${words}`,
    '.Nm',
    `.Ic ${words}`,
    ...positionals.map(positional => (positional.required ? `.${placeOf(positional)}` : `.Op ${placeOf(positional)}`)),
    ...own.map(flag => (flag.required ? `.${flagTerm(flag)}` : `.Op ${flagTerm(flag)}`)),
    ...(taken.length > 0 ? ['.Op Ar setting ...'] : []),
    '.Pp',
    sentence(description),
    ...list(items),
    ...(taken.length > 0
      ? ['.Pp', 'Settings:', ...taken.map(({ name }, at) => `.Fl -${name}${at < taken.length - 1 ? ' ,' : ' .'}`)]
      : []),
  ]
}

function flagTerm({ name, aliases, value }: Flag): string {
  const names = [...aliases.map(alias => `Fl ${alias}`), `Fl -${name}`].join(' , ')
  return value ? `${names} Ar ${argument(value.hint)}` : names
}

function placeOf({ value }: Positional): string {
  return `Ar ${argument(value.hint)}`
}

function settingItem(name: SettingName): [string, string] {
  const { hint, description } = settings[name]
  return [`Fl -${name} Ar ${hint} , Ev ${variableOf(name)}`, sentence(description)]
}

function section(items: readonly (readonly [string, string])[], macro: string): string[] {
  return list(items.map(([term, words]) => [`${macro} ${argument(term)}`, sentence(words)] as const))
}
