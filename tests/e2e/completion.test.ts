import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { openCompletionShell } from '../testkit/e2e/completion-shell.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// Real interactive shells: types a line with Tab and compares the arguments that the program receives.

const dir = tempDir()
const shells = ['bash', 'zsh', 'fish'] as const

beforeAll(async () => {
  for (const shell of shells) {
    writeFileSync(join(dir.path, `completion.${shell}`), await run([binary, 'completion', shell]))
  }
  writeFileSync(join(dir.path, 'with a blank.pem'), '')
  writeFileSync(join(dir.path, 'dat'), '')
  mkdirSync(join(dir.path, 'data'))
})

afterAll(() => dir[Symbol.dispose]())

const cases: [description: string, typed: string, expected: string][] = [
  ['a command', 'creat\t', 'create-user'],
  ['a subcommand', 'user hand\t', 'user hand-over'],
  ['two words in one line', 'oper\tsh\t', 'operation show'],
  ['a flag', 'serve --trusted\t', 'serve --trusted-proxies'],
  ['a flag of a subcommand', 'droplet add --det\t', 'droplet add --detach'],
  ['a choice', 'create-user --group view\t', 'create-user --group viewer'],
  ['a choice after one letter', 'create-user -u ann -g man\t', 'create-user -u ann -g manager'],
  ['a choice after =', 'create-user --group=ow\t', 'create-user --group=owner'],
  ['a shell', 'completion zs\t', 'completion zsh'],
  ['a file', 'login --ca-file wi\t', 'login --ca-file with a blank.pem'],
  ['a directory but no file', 'serve --data-dir d\t', 'serve --data-dir data'],
  ['nothing for unknown values', 'user delete wi\t', 'user delete wi'],
  ['nothing after --', 'droplet ssh cikit01 -- --js\t', 'droplet ssh cikit01 -- --js'],
]

test.each(shells)('%s completes', async shell => {
  await using terminal = await openCompletionShell(shell, dir.path)
  for (const [description, typed, expected] of cases) {
    // zsh removes the slash after a directory.
    expect([description, (await terminal.call(typed)).replace(/\/$/, '')]).toEqual([description, expected])
  }
})
