import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binary } from '../../../scripts/lib/paths.ts'
import { tempDir } from '../temp-dir.ts'
import { currentCode, type Matrix } from './matrix.ts'

export type Person = ReturnType<typeof createPerson>

/** Somebody at another computer: a home of its own, and the program. */
export function createPerson() {
  const home = tempDir()
  const sessionFile = join(home.path, '.config/cikit-api/session.json')
  const env = { HOME: home.path, PATH: `${home.path}/bin:${process.env.PATH}`, TMPDIR: home.path }

  /** What was written is readable while it runs. */
  function start(command: string[]) {
    const child = Bun.spawn(command, { env, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' })
    const stdout = createCollector(child.stdout)
    const stderr = createCollector(child.stderr)
    const ended = Promise.all([child.exited, stdout.all, stderr.all]).then(([exitCode]) => ({
      exitCode,
      stdout: stdout.text(),
      stderr: stderr.text(),
    }))
    const type = async (keys: string) => {
      child.stdin.write(keys)
      await child.stdin.flush()
    }
    return { stdout, stderr, ended, type, kill: (signal: NodeJS.Signals) => child.kill(signal) }
  }

  return {
    home: home.path,
    sessionFile,
    session: () => JSON.parse(readFileSync(sessionFile, 'utf8')),
    /** Changes what is kept of the login. */
    keep(known: Record<string, unknown>): void {
      writeFileSync(sessionFile, JSON.stringify({ ...JSON.parse(readFileSync(sessionFile, 'utf8')), ...known }))
    },
    start: (...words: string[]) => start([binary, ...words]),
    run: (...words: string[]) => start([binary, ...words]).ended,
    /** At a terminal so wide; both of its streams come as one. */
    startAtTerminal: (columns: number, ...words: string[]) =>
      start(['script', '-qec', `stty cols ${columns}; exec ${[binary, ...words].join(' ')}`, '/dev/null']),
    /** Words of a shell after the name of the program; it exits as the first of a pipe that does not exit with 0. */
    startInShell: (words: string) => start(['bash', '-o', 'pipefail', '-c', `${binary} ${words}`]),
    [Symbol.dispose]: home[Symbol.dispose],
  }
}

/** Logs a person in as a user that is made, or made anew, for it. */
export async function logIn(
  person: Person,
  matrix: Matrix,
  username: string,
  group: 'viewer' | 'manager' | 'owner',
  ...flags: string[]
) {
  const { secret } = await matrix.createUser(username, group, '-r')
  const code = await currentCode(secret)
  const spaced = `${code.slice(0, 3)} ${code.slice(3)}`
  return await person.run('login', serverOf(matrix), '-u', username, '--code', spaced, ...flags)
}

/** Where a Matrix is, as a person types it. */
export const serverOf = (matrix: Matrix) => new URL(matrix.url).origin

function createCollector(stream: ReadableStream<Uint8Array>) {
  const waiting = new Set<() => void>()
  let text = ''
  let isOver = false
  const all = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true })
      for (const look of waiting) look()
    }
    isOver = true
    for (const look of waiting) look()
  })()
  return {
    all,
    text: () => text,
    /** Resolves when what was written matches; fails when it ended without. */
    async has(pattern: RegExp): Promise<RegExpExecArray> {
      const found = Promise.withResolvers<RegExpExecArray>()
      const look = () => {
        const match = pattern.exec(text)
        if (match) found.resolve(match)
        else if (isOver) found.reject(new Error(`${pattern} never came: ${JSON.stringify(text)}`))
      }
      waiting.add(look)
      look()
      return await found.promise.finally(() => waiting.delete(look))
    },
  }
}
