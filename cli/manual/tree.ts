import type { ArgDef, CommandDef, Resolvable } from 'citty'

/** A command as its manual and its completions have it: all of the tree, with the commands below it. */
export interface Entry {
  /** After the name of the program: `user list`; empty for the program itself. */
  words: string
  name: string
  description: string
  flags: Flag[]
  /** In the order in which they are given. */
  positionals: Positional[]
  commands: Entry[]
}

export interface Flag {
  /** Without its dashes. */
  name: string
  /** One letter each. */
  aliases: string[]
  description: string
  required: boolean
  /** Absent for one that takes no value. */
  value?: Value
}

export interface Positional {
  name: string
  description: string
  required: boolean
  value: Value
}

/** What a flag takes, or a word of the command line is. */
export interface Value {
  /** FILE, NAME … */
  hint: string
  kind: 'files' | 'directories' | 'choices' | 'text'
  choices: string[]
}

/** Reads the whole tree of commands, from their own definitions. */
export async function readTree(command: CommandDef, name: string, before: string[] = []): Promise<Entry> {
  const words = name === PROGRAM ? before : [...before, name]
  const [meta, args = {}, below = {}] = await Promise.all([
    settle(command.meta),
    settle(command.args),
    settle(command.subCommands),
  ])
  const defined = Object.entries(args)
  const commands = Object.entries(below).map(async ([name, sub]) => {
    const child: CommandDef | undefined = await settle(sub)
    return readTree(child ?? {}, name, words)
  })
  return {
    words: words.join(' '),
    name,
    description: meta?.description ?? '',
    flags: defined.filter(([, arg]) => arg.type !== 'positional').map(([name, arg]) => toFlag(name, arg)),
    positionals: defined.filter(([, arg]) => arg.type === 'positional').map(([name, arg]) => toPositional(name, arg)),
    commands: await Promise.all(commands),
  }
}

export const PROGRAM = 'cikit-api'

/** A command and all below it, in the order of the help. */
export function flatten(entry: Entry): Entry[] {
  return [entry, ...entry.commands.flatMap(flatten)]
}

/** Those that do something. */
export function leavesOf(entry: Entry): Entry[] {
  return flatten(entry).filter(({ commands }) => commands.length === 0)
}

/** What citty lets be given as a value, a promise, or a function of either. */
async function settle<T>(resolvable: Resolvable<T> | undefined): Promise<T | undefined> {
  return typeof resolvable === 'function' ? await (resolvable as () => T | Promise<T>)() : await resolvable
}

function toFlag(name: string, arg: ArgDef): Flag {
  const aliases = 'alias' in arg && arg.alias ? [arg.alias].flat() : []
  const flag = { name, aliases, description: arg.description ?? '', required: arg.required === true }
  return arg.type === 'boolean' ? flag : { ...flag, value: toValue(arg, name) }
}

function toPositional(name: string, arg: ArgDef): Positional {
  // citty takes a positional for required unless it is told.
  return { name, description: arg.description ?? '', required: arg.required !== false, value: toValue(arg, name) }
}

function toValue(arg: ArgDef, name: string): Value {
  const hint = arg.valueHint ?? name.toUpperCase()
  const listed = arg.type === 'enum' && 'options' in arg ? arg.options : undefined
  const choices = listed ?? (/^[\w-]+(\|[\w-]+)+$/.test(hint) ? hint.split('|') : [])
  return { hint, choices, kind: kindOf(hint, choices) }
}

function kindOf(hint: string, choices: string[]): Value['kind'] {
  if (choices.length > 0) return 'choices'
  if (/^FILES?$/.test(hint)) return 'files'
  return /^DIR(ECTORY)?$/.test(hint) ? 'directories' : 'text'
}
