import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientSession } from '../../../cli/client/api/session-file.ts'
import { binary } from '../../../scripts/lib/paths.ts'
import { timedOut, withTimeout } from '../../../src/core/timeout.ts'
import type { DropletBody } from '../../../src/droplets/schema.ts'
import { tempDir } from '../temp-dir.ts'
import { currentCode, type ServerProcess } from './server-process.ts'

/** Below the timeout of a test, so that a failure shows the output. */
const OUTPUT_TIMEOUT_MS = 60_000

export type CliUser = ReturnType<typeof createCliUser>

/** A user of the CLI on another computer, with a home directory of their own. */
export function createCliUser() {
  const home = tempDir()
  const sessionFile = join(home.path, '.config/cikit-api/session.json')
  const env = { HOME: home.path, PATH: `${home.path}/bin:${process.env.PATH}`, TMPDIR: home.path }

  function readSession(): ClientSession {
    const session: ClientSession = JSON.parse(readFileSync(sessionFile, 'utf8'))
    return session
  }

  /** Output is readable while the command runs. */
  function start(command: string[]) {
    const child = Bun.spawn(command, { env, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' })
    const stdout = collectOutput(child.stdout)
    const stderr = collectOutput(child.stderr)
    const result = Promise.all([child.exited, stdout.finished, stderr.finished]).then(([exitCode]) => ({
      exitCode,
      stdout: stdout.text(),
      stderr: stderr.text(),
    }))
    const typeKeys = async (keys: string) => {
      child.stdin.write(keys)
      await child.stdin.flush()
    }
    return { stdout, stderr, result, typeKeys, kill: (signal: NodeJS.Signals) => child.kill(signal) }
  }

  return {
    home: home.path,
    sessionFile,
    readSession,
    /** Changes fields of the session file. */
    patchSession(changes: Partial<ClientSession>): void {
      writeFileSync(sessionFile, JSON.stringify({ ...readSession(), ...changes }))
    },
    start: (...args: string[]) => start([binary, ...args]),
    run: (...args: string[]) => start([binary, ...args]).result,
    /** Runs in a terminal of this width, which merges both output streams into stdout. */
    startAtTerminal: (columns: number, ...args: string[]) =>
      start(['script', '-qec', `stty cols ${columns}; exec ${[binary, ...args].join(' ')}`, '/dev/null']),
    /**
     * Runs a shell command line that starts with the program. In a pipe, the last failure decides the exit code
     * (pipefail).
     */
    startInShell: (commandLine: string) => start(['bash', '-o', 'pipefail', '-c', `${binary} ${commandLine}`]),
    [Symbol.dispose]: home[Symbol.dispose],
  }
}

/** Creates a user, or resets an existing one, and logs in. */
export async function logIn(
  cliUser: CliUser,
  server: ServerProcess,
  username: string,
  group: 'viewer' | 'manager' | 'owner',
  ...flags: string[]
) {
  const { secret } = await server.createUser(username, group, '-r')
  const code = await currentCode(secret)
  const spacedCode = `${code.slice(0, 3)} ${code.slice(3)}`
  return await cliUser.run('login', originOf(server), '-u', username, '--code', spacedCode, ...flags)
}

/** Adds a droplet. @returns it as `--json` prints it */
export async function addDroplet(cliUser: CliUser, ...flags: string[]): Promise<DropletBody> {
  const { stdout, stderr } = await cliUser.run('droplet', 'add', '--json', ...flags)
  const [newest]: DropletBody[] = JSON.parse(stdout)
  if (!newest) throw new Error(`droplet add printed no droplet: ${stderr}`)
  return newest
}

/** The server's URL as a user types it. */
export const originOf = (server: ServerProcess) => new URL(server.url).origin

function collectOutput(stream: ReadableStream<Uint8Array>) {
  const listeners = new Set<() => void>()
  let text = ''
  let hasEnded = false
  const finished = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true })
      for (const check of listeners) check()
    }
    hasEnded = true
    for (const check of listeners) check()
  })()
  return {
    finished,
    text: () => text,
    /** Resolves when the output matches. @throws Error if the output ends without a match, or on timeout */
    async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
      const matched = Promise.withResolvers<RegExpExecArray>()
      const check = () => {
        const match = pattern.exec(text)
        if (match) matched.resolve(match)
        else if (hasEnded) matched.reject(new Error(`${pattern} did not appear: ${JSON.stringify(text)}`))
      }
      listeners.add(check)
      check()
      const match = await withTimeout(matched.promise, OUTPUT_TIMEOUT_MS).finally(() => listeners.delete(check))
      if (match === timedOut) throw new Error(`${pattern} did not appear in time: ${JSON.stringify(text)}`)
      return match
    },
  }
}
