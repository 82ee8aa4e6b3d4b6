import type { CommandDef } from 'citty'
import { command } from './command.ts'
import { manPage } from './manual/page.ts'
import { PROGRAM, readTree } from './manual/tree.ts'

/** @param main the root of all commands, of which this one is one */
export function createMan(main: CommandDef) {
  return command({
    meta: { name: 'cikit-api man', description: 'Print the manual page: cikit-api man | man -l -' },
    args: {},
    run: async () => void process.stdout.write(manPage(await readTree(main, PROGRAM))),
  })
}
