import type { CommandDef } from 'citty'
import { defineCommand } from '../shared/command.ts'
import { PROGRAM_NAME, readCommandTree } from './manual/command-tree.ts'
import { renderManPage } from './manual/man-page.ts'

/** @param root the command tree, which includes this command */
export function createManCommand(root: CommandDef) {
  return defineCommand({
    description: 'Print the manual page: cikit-api man | man -l -',
    args: {},
    run: async () => void process.stdout.write(renderManPage(await readCommandTree(root, PROGRAM_NAME))),
  })
}
