import { binary } from '../../../../scripts/lib/paths.ts'
import { readProcess } from './places.ts'
import type { World } from './world.ts'

/** What a command of the host wrote, and what was to be seen of its process. */
export interface Ran {
  words: string
  exitCode: number
  stdout: string
  stderr: string
  process: Buffer
}

/** Every command, well and badly, by its name. `serve` serves already; here it is refused. */
const commands: Record<string, string[][]> = {
  serve: [[], ['--port', 'x'], ['--prefix', '../x']],
  'create-user': [
    ['-u', 'ann', '-g', 'viewer', '--json'],
    ['-u', 'ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'manager', '-r', '--json'],
    ['-u', 'ANN', '-g', 'manager'],
    ['-u', 'ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'owner', '-r'],
    ['-u', '../ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'king'],
    ['-u', 'ann', '--secret', 'x'],
  ],
  'user list': [[], ['--json'], ['--all']],
  'user unlock': [['ann'], ['nobody']],
  'user hand-over': [['ann'], ['nobody'], ['owner']],
  'user delete': [['ann'], ['nobody'], ['owner']],
  audit: [[], ['--json'], ['--verify'], ['--limit', 'x'], ['--restart']],
  'rotate-key': [[], ['--force']],
  'image build': [[], []],
}

/** The two whose purpose it is to show a secret: a new user's, or that of one that exists. */
export function showsSecret({ words, exitCode }: Ran): boolean {
  return words.startsWith('create-user') && exitCode === 0
}

/** The names of all commands, as the program's own help has them. */
export async function listCommands(): Promise<string[]> {
  const below = async (words: string[]): Promise<string[]> => {
    const { stdout } = await runToEnd([...words, '--help'])
    const [, listed = ''] = stdout.split(/^COMMANDS$/m)
    const names = [...listed.matchAll(/^ +([a-z-]+) {2,}/gm)].map(([, name = '']) => [...words, name])
    if (names.length === 0) return [words.join(' ')]
    return (await Promise.all(names.map(below))).flat()
  }
  return await below([])
}

export const knownCommands = Object.keys(commands)

/** Runs them all on the data directory that is being served. */
export async function runCommands({ matrix, engine, canaries }: World): Promise<Ran[]> {
  const all: Ran[] = []
  for (const [name, variants] of Object.entries(commands)) {
    for (const [number, flags] of variants.entries()) {
      const onEngine = name.startsWith('image')
      // The first build succeeds, the second one does not.
      const last = number === 0 ? '{"stream":"done"}' : '{"error":"forced"}'
      engine.answerNext(/^POST \/build/, () => new Response(`{"stream":"Step 1"}\n${last}\n`))
      const place = onEngine ? ['--docker-host', `unix://${engine.socket}`] : ['--data-dir', matrix.dataDir]
      const ran = await runToEnd([...name.split(' '), ...flags, ...place])
      engine.forgetAnswers()
      all.push(ran)
      const secret = showsSecret(ran) ? /\b[A-Z2-7]{32}\b/.exec(ran.stdout)?.[0] : undefined
      if (secret) canaries.addBase32('a TOTP secret from create-user', secret)
    }
  }
  return all
}

async function runToEnd(words: string[]): Promise<Ran> {
  const child = Bun.spawn([binary, ...words], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { HOME: '/nonexistent' },
  })
  const process = readProcess(child.pid)
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { words: words.join(' '), exitCode, stdout, stderr, process }
}
