import type { ArgDef, CommandDef } from 'citty'
import { resolveValue } from '../../shared/resolve-command.ts'

/** A command as its manual and its completions have it: all of the tree, with the commands below it. */
export interface CommandNode {
  /** After the name of the program: `user list`; empty for the program itself. */
  path: string
  name: string
  description: string
  flags: Flag[]
  /** In the order in which they are given. */
  positionals: Positional[]
  commands: CommandNode[]
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
export async function readCommandTree(
  command: CommandDef,
  name: string,
  parentPath: string[] = [],
): Promise<CommandNode> {
  const path = name === PROGRAM_NAME ? parentPath : [...parentPath, name]
  const [meta, args = {}, subCommands = {}] = await Promise.all([
    resolveValue(command.meta),
    resolveValue(command.args),
    resolveValue(command.subCommands),
  ])
  const argDefs = Object.entries(args)
  const commands = Object.entries(subCommands).map(async ([name, sub]) => {
    const child: CommandDef | undefined = await resolveValue(sub)
    return readCommandTree(child ?? {}, name, path)
  })
  return {
    path: path.join(' '),
    name,
    description: meta?.description ?? '',
    flags: argDefs.filter(([, arg]) => arg.type !== 'positional').map(([name, arg]) => toFlag(name, arg)),
    positionals: argDefs.filter(([, arg]) => arg.type === 'positional').map(([name, arg]) => toPositional(name, arg)),
    commands: await Promise.all(commands),
  }
}

export const PROGRAM_NAME = 'cikit-api'

/** A command and all below it, in the order of the help. */
export function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(flatten)]
}

/** Those that do something. */
export function leafCommands(node: CommandNode): CommandNode[] {
  return flatten(node).filter(({ commands }) => commands.length === 0)
}

function toFlag(name: string, arg: ArgDef): Flag {
  const aliases = 'alias' in arg && arg.alias ? [arg.alias].flat() : []
  const flag = { name, aliases, description: arg.description ?? '', required: arg.required === true }
  return arg.type === 'boolean' ? flag : { ...flag, value: toValue(arg, name) }
}

function toPositional(name: string, arg: ArgDef): Positional {
  // For citty, a positional is required by default.
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
