import type { CommandDef } from 'citty'
import { ConfigError } from '../../src/core/errors.ts'
import { defineCommand } from '../shared/command.ts'
import { bashCompletion } from './manual/bash-completion.ts'
import { PROGRAM_NAME, readCommandTree } from './manual/command-tree.ts'
import { fishCompletion } from './manual/fish-completion.ts'
import { zshCompletion } from './manual/zsh-completion.ts'

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }

/** @param root the command tree, which includes this command */
export function createCompletionCommand(root: CommandDef) {
  return defineCommand({
    description: 'Print a completion script for a shell',
    args: {
      shell: { type: 'positional', required: true, valueHint: 'bash|zsh|fish', description: 'bash, zsh or fish' },
    },
    run: async ({ args }) => {
      const shell = Object.entries(shells).find(([name]) => name === args.shell)
      if (!shell) throw new ConfigError(`unknown shell ${JSON.stringify(args.shell)}: give bash, zsh or fish`)
      process.stdout.write(shell[1](await readCommandTree(root, PROGRAM_NAME)))
    },
  })
}
