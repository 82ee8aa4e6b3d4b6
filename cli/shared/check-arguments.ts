import type { ArgDef, ArgsDef } from 'citty'
import { ConfigError } from '../../src/core/errors.ts'
import { didYouMean } from './suggestion.ts'

/**
 * Rejects arguments that a command does not define, which citty would ignore, and missing ones.
 * @param rawArgs the words after the command's name; those after `--` belong to another program
 * @param commandLine names the command: `cikit-api user delete`
 */
export function checkArguments(rawArgs: readonly string[], args: ArgsDef, commandLine: string): void {
  const help = `see ${commandLine} --help`
  const separator = rawArgs.indexOf('--')
  const words = separator === -1 ? rawArgs : rawArgs.slice(0, separator)
  const positionals = Object.entries(args).filter(([, arg]) => arg.type === 'positional')
  const givenFlags = new Set<string>()
  let positionalCount = 0
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (!word.startsWith('-')) {
      if (++positionalCount > positionals.length)
        throw new ConfigError(`unexpected argument ${JSON.stringify(word)}: ${help}`)
      continue
    }
    const [flag = '', value] = word.split('=', 2)
    const [name, arg] = findFlag(args, flag) ?? []
    if (name === undefined || arg === undefined)
      throw new ConfigError(`unknown flag ${flag}${didYouMean(flag, longFlags(args)) ?? `: ${help}`}`)
    givenFlags.add(name)
    if (arg.type === 'boolean' || value !== undefined) continue
    const next = words[++index]
    if (next === undefined || next.startsWith('-')) throw new ConfigError(`${flag} needs a value: ${help}`)
  }
  const missing = positionals.slice(positionalCount).find(([, arg]) => arg.required !== false)
  if (missing) throw new ConfigError(`missing argument ${missing[1].valueHint ?? missing[0].toUpperCase()}: ${help}`)
  const missingFlag = flagEntries(args).find(([name, arg]) => arg.required === true && !givenFlags.has(name))
  if (missingFlag) throw new ConfigError(`missing flag --${missingFlag[0]}: ${help}`)
}

function findFlag(args: ArgsDef, flag: string): [string, ArgDef] | undefined {
  return flagEntries(args).find(([name, arg]) => flag === `--${name}` || flagAliases(arg).includes(flag.slice(1)))
}

function flagEntries(args: ArgsDef): [string, ArgDef][] {
  return Object.entries(args).filter(([, arg]) => arg.type !== 'positional')
}

/** Single-letter names. */
export function flagAliases(arg: ArgDef): string[] {
  return 'alias' in arg && arg.alias ? [arg.alias].flat() : []
}

function longFlags(args: ArgsDef): string[] {
  return [...flagEntries(args).map(([name]) => `--${name}`), '--help']
}
