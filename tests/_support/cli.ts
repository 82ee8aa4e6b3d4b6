import { expect } from 'bun:test'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

/** How long a command may take at most; one that hangs is killed, and its test fails. */
const LIMIT_MS = 20_000

export type Env = Record<string, string>

/** The program from its source, in an environment of its own: nothing of this process's variables gets in. */
export function spawnCli(args: string[], env: Env) {
  return Bun.spawn([process.execPath, 'cli/main.ts', ...args], {
    cwd: ROOT,
    env: { HOME: '/nonexistent', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
}

/** Runs a command to its end. */
export async function cli(args: string[], env: Env = {}) {
  const child = spawnCli(args, env)
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exitCode, stdout, stderr }
}

/** What is refused before anything is done: a line on standard error and nothing else. */
export function refusedWith(exitCode: number, words: RegExp | string) {
  const line = typeof words === 'string' ? `cikit-api: ${words}\n` : expectLine(words)
  return { exitCode, stdout: '', stderr: line }
}

function expectLine(words: RegExp) {
  return expect.stringMatching(new RegExp(`^cikit-api: (?=[^\\n]*${words.source})[^\\n]+\\n$`))
}

/** A `serve` that runs until its scope ends. */
export function serve(args: string[], env: Env = {}) {
  const child = spawnCli(['serve', ...args], env)
  const lines: Record<string, unknown>[] = []
  const waiting: (() => void)[] = []
  const ended = readLines()

  async function readLines(): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of child.stdout) {
      const complete = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = complete.pop() ?? ''
      for (const line of complete) lines.push(JSON.parse(line))
      for (const wake of waiting.splice(0)) wake()
    }
    if (rest !== '') throw new Error(`a line without its end: ${rest}`)
  }

  /** The first entry of the log with this message. */
  async function logged(message: string): Promise<Record<string, unknown>> {
    for (;;) {
      const found = lines.find(line => line.message === message)
      if (found) return found
      const woken = new Promise<true>(resolve => waiting.push(() => resolve(true)))
      const more = await Promise.race([woken, ended.then(() => false)])
      if (!more && !lines.some(line => line.message === message)) {
        throw new Error(`serve ended without "${message}": ${await child.stderr.text()}`)
      }
    }
  }

  return {
    pid: child.pid,
    /** The entries of the log until now. */
    lines,
    logged,
    /** Where it listens, once it does: `http://127.0.0.1:4711/`. */
    address: async () => String((await logged('listening')).address),
    /** Asks it to stop, and waits for its end. */
    async stop(signal: NodeJS.Signals = 'SIGTERM') {
      child.kill(signal)
      const [exitCode, stderr] = await Promise.all([child.exited, child.stderr.text(), ended])
      return { exitCode, stderr }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
