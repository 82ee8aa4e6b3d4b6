import type { ArgDef, CommandDef } from 'citty'
import { flagAliases } from '../../shared/check-arguments.ts'
import { resolveValue } from '../../shared/resolve-command.ts'

/** A command with its sub-commands, as help, manual and completions need it. */
export interface CommandNode {
  /** Words after the program's name: `user list`; empty for the program itself. */
  path: string
  name: string
  description: string
  flags: Flag[]
  /** In the order of the command line. */
  positionals: Positional[]
  commands: CommandNode[]
}

export interface Flag {
  /** Without dashes. */
  name: string
  /** Single letters. */
  aliases: string[]
  description: string
  required: boolean
  /** Absent for a flag without a value. */
  value?: Value
}

export interface Positional {
  name: string
  description: string
  required: boolean
  value: Value
}

/** The value of a flag or positional argument. */
export interface Value {
  /** FILE, NAME … */
  hint: string
  kind: 'files' | 'directories' | 'choices' | 'text'
  choices: string[]
}

/** Reads the command tree from the commands' definitions. */
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

/** A command and all its descendants, in the order of the help. */
export function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(flatten)]
}

/** Commands that can be run. */
export function leafCommands(node: CommandNode): CommandNode[] {
  return flatten(node).filter(({ commands }) => commands.length === 0)
}

function toFlag(name: string, arg: ArgDef): Flag {
  const flag = { name, aliases: flagAliases(arg), description: arg.description ?? '', required: arg.required === true }
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
