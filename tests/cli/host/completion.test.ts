import { describe, expect, test } from 'bun:test'
import { expectedFailure, runCli } from '../../testkit/cli.ts'
import { listCommands } from '../../testkit/cli-commands.ts'

/** Matches a flag of a command in a shell's completion script. */
const flagIn: Record<string, (words: string, flag: string) => RegExp> = {
  bash: (words, flag) => new RegExp(`\n    '${words}'\\)\n(?:(?!;;\n    ').*\n)*?.*--${flag}\\b`),
  zsh: (words, flag) => new RegExp(`\n_cikit-api-${words.replace(' ', '-')}\\(\\) \\{\n(?:  .*\n)*.*--${flag}\\b`),
  fish: (words, flag) => new RegExp(`__cikit_api_in ${words}' -l ${flag}\\b`),
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
])('%j is rejected', async (args, words) => {
  expect(await runCli(args)).toEqual(expectedFailure(2, words))
})
