import { describe, expect, test } from 'bun:test'
import { expectedFailure, runCli } from '../../testkit/cli.ts'
import { listCommands } from '../../testkit/cli-commands.ts'

/** Matches a flag of a command in a shell's completion script. */
const flagIn: Record<string, (command: string, flag: string) => RegExp> = {
  bash: (command, flag) => new RegExp(`\n    '${command}'\\)\n(?:(?!;;\n    ').*\n)*?.*--${flag}\\b`),
  zsh: (command, flag) => new RegExp(`\n_cikit-api-${command.replace(' ', '-')}\\(\\) \\{\n(?:  .*\n)*.*--${flag}\\b`),
  fish: (command, flag) => new RegExp(`__cikit_api_in ${command}' -l ${flag}\\b`),
}

describe.each(['bash', 'zsh', 'fish'])('%s', shell => {
  test('completes every command and every flag', async () => {
    const { stdout } = await runCli(['completion', shell])
    for (const { name, flags } of await listCommands()) {
      for (const flag of [...flags, 'help']) {
        expect([name, flag, flagIn[shell]?.(name, flag).test(stdout)]).toEqual([name, flag, true])
      }
    }
  })
})

test.each([
  [['completion', 'tcsh'], /unknown shell "tcsh": give bash, zsh or fish/],
  [['completion', 'bash', 'zsh'], /unexpected argument "zsh": see cikit-api completion --help/],
  [['man', 'serve'], /unexpected argument "serve": see cikit-api man --help/],
])('%j is rejected', async (args, message) => {
  expect(await runCli(args)).toEqual(expectedFailure(2, message))
})
