import type { CommandDef } from 'citty'
import { defineStrictCommand } from './command.ts'
import { renderManPage } from './manual/page.ts'
import { PROGRAM_NAME, readCommandTree } from './manual/tree.ts'

/** @param root the root of all commands, of which this one is one */
export function createManCommand(root: CommandDef) {
  return defineStrictCommand({
    meta: { name: 'cikit-api man', description: 'Print the manual page: cikit-api man | man -l -' },
    args: {},
    run: async () => void process.stdout.write(renderManPage(await readCommandTree(root, PROGRAM_NAME))),
  })
}
