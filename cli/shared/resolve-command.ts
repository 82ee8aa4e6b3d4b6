import type { CommandDef, Resolvable } from 'citty'
import { ConfigError } from '../../src/core/errors.ts'
import type { CommandPath } from './command.ts'
import { didYouMean } from './suggestion.ts'

interface ResolvedCommand {
  command: CommandDef
  path: CommandPath
  /** The words after the command's name. */
  rest: string[]
  /** Empty for a command without sub-commands. */
  subCommandNames: string[]
}

/** Follows the words of the command line down the command tree, as far as they name commands. */
export async function resolveCommand(root: CommandDef, words: readonly string[]): Promise<ResolvedCommand> {
  let command = root
  const path: string[] = []
  for (;;) {
    const subCommands = (await resolveValue(command.subCommands)) ?? {}
    const rest = words.slice(path.length)
    const [word = ''] = rest
    const child = Object.hasOwn(subCommands, word) ? await resolveValue(subCommands[word]) : undefined
    if (!child) return { command, path, rest, subCommandNames: Object.keys(subCommands) }
    command = child
    path.push(word)
  }
}

/**
 * @returns the command to run
 * @throws ConfigError if the words name no command, or only a group of commands
 */
export async function requireCommand(root: CommandDef, words: readonly string[]): Promise<ResolvedCommand> {
  const resolved = await resolveCommand(root, words)
  const { path, rest, subCommandNames } = resolved
  if (subCommandNames.length === 0) return resolved
  const [word] = rest
  const help = `see ${commandLine(path)} --help`
  if (word === undefined) throw new ConfigError(`no command given: ${help}`)
  if (word.startsWith('-')) throw new ConfigError(`unknown flag ${word}: give a command first, ${help}`)
  throw new ConfigError(`unknown command ${JSON.stringify(word)}${didYouMean(word, subCommandNames) ?? `: ${help}`}`)
}

/** `cikit-api user delete`. */
export function commandLine(path: CommandPath): string {
  return ['cikit-api', ...path].join(' ')
}

/** citty allows a value, a promise, or a function that returns either. */
export async function resolveValue<T>(resolvable: Resolvable<T> | undefined): Promise<T | undefined> {
  return typeof resolvable === 'function' ? await (resolvable as () => T | Promise<T>)() : await resolvable
}
