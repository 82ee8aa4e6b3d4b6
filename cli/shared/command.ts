import type { ArgsDef, CommandDef, ParsedArgs, SubCommandsDef } from 'citty'

interface CommandInput<T extends ArgsDef> {
  args: ParsedArgs<T>
  rawArgs: readonly string[]
  /** The words that name the command: `['user', 'delete']`. */
  path: CommandPath
}

export type CommandPath = readonly string[]

/** Passed through citty to the command. */
export interface CommandData {
  path: CommandPath
}

/** A command that does something. Its name is its key in the command tree. */
export function defineCommand<const T extends ArgsDef>(def: {
  description: string
  args: T
  run: (input: CommandInput<T>) => void | Promise<void>
}): CommandDef<T> {
  return {
    meta: { description: def.description },
    args: def.args,
    run: ({ args, rawArgs, data }) => {
      const { path }: CommandData = data
      return def.run({ args, rawArgs, path })
    },
  }
}

/** A command that only has commands below it. */
export function defineGroup(def: { description: string; subCommands: SubCommandsDef }): CommandDef {
  return { meta: { description: def.description }, subCommands: def.subCommands }
}
