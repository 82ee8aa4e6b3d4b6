import { type ArgsDef, type CommandContext, type CommandDef, defineCommand } from 'citty'
import { type Flags, type SettingName, settings } from '../../src/config/config.ts'
import { ConfigError } from '../../src/core/errors.ts'

/**
 * A sub-command that takes exactly the flags it defines: a misspelt one is an error and not ignored.
 * @param def as for citty's `defineCommand`
 */
export function defineStrictCommand<const T extends ArgsDef>(def: CommandDef<T> & { args: T }): CommandDef<T> {
  return defineCommand({
    ...def,
    setup: (context: CommandContext<T>) => rejectUnknownArguments(context.rawArgs, def.args),
  })
}

/** The settings of a server; what is left is a client's. */
export const serverSettings = (Object.keys(settings) as SettingName[]).filter(name => name !== 'session-file')

/** The settings as arguments of a command; their values come back through `flagsOf`. */
export function settingArgs<N extends SettingName>(...names: N[]) {
  const entries = names.map(name => [
    name,
    { type: 'string', valueHint: settings[name].hint, description: settings[name].description },
  ])
  return Object.fromEntries(entries) as Record<N, { type: 'string'; valueHint: string; description: string }>
}

/** What was given of the settings on the command line. */
export function toFlags(args: Record<string, unknown>): Flags {
  const flags: Flags = {}
  for (const name of Object.keys(settings) as SettingName[]) {
    const value = args[name]
    if (typeof value === 'string') flags[name] = value
  }
  return flags
}

function rejectUnknownArguments(rawArgs: readonly string[], args: ArgsDef): void {
  const positionalCount = Object.values(args).filter(arg => arg.type === 'positional').length
  let positionalsSeen = 0
  for (let index = 0; index < rawArgs.length; index++) {
    const token = rawArgs[index] ?? ''
    // What comes after it is not ours.
    if (token === '--') return
    if (!token.startsWith('-')) {
      if (++positionalsSeen > positionalCount)
        throw new ConfigError(`${JSON.stringify(token)} is one word too many: see --help`)
      continue
    }
    const [flag = '', value] = token.split('=', 2)
    const arg = findArg(args, flag)
    if (!arg) throw new ConfigError(`${flag} is no flag of this command: see --help`)
    if (arg.type === 'boolean') continue
    if (value !== undefined) continue
    const next = rawArgs[++index]
    if (next === undefined || next.startsWith('-')) throw new ConfigError(`${flag} needs a value: see --help`)
  }
}

function findArg(args: ArgsDef, flag: string) {
  for (const [name, arg] of Object.entries(args)) {
    if (arg.type === 'positional') continue
    const aliases = 'alias' in arg && arg.alias ? [arg.alias].flat() : []
    if (flag === `--${name}` || aliases.some(alias => flag === `-${alias}`)) return arg
  }
  return undefined
}
