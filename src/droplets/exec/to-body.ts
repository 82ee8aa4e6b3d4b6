import type { CommandResult } from './commands.ts'
import type { resultBody } from './schema.ts'

export function toResultBody({ exit, ...output }: CommandResult): typeof resultBody.static {
  return { exit: exit ?? null, ...output }
}
