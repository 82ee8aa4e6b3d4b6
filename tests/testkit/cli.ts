import { expect } from 'bun:test'
import { join } from 'node:path'
import { waitUntil } from './wait-until.ts'

const ROOT = join(import.meta.dir, '../..')

/** A command that takes longer is killed, so its test fails. */
const TIMEOUT_MS = 20_000

export type Env = Record<string, string>

/** Runs the program from source, without the environment variables of this process. */
export function spawnCli(args: string[], env: Env) {
  return Bun.spawn([process.execPath, 'cli/main.ts', ...args], {
    cwd: ROOT,
    env: { HOME: '/nonexistent', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
}

/** Runs a command and waits for it. */
export async function runCli(args: string[], env: Env = {}) {
  const child = spawnCli(args, env)
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exitCode, stdout, stderr }
}

/** The result of a command that is rejected before it does anything: one line on standard error. */
export function expectedFailure(exitCode: number, message: RegExp | string) {
  const errorLine = typeof message === 'string' ? `cikit-api: ${message}\n` : matchingLine(message)
  return { exitCode, stdout: '', stderr: errorLine }
}

function matchingLine(message: RegExp) {
  return expect.stringMatching(new RegExp(`^cikit-api: (?=[^\\n]*${message.source})[^\\n]+\\n$`))
}

/** Starts `serve`, which runs until its scope ends. */
export function startServe(args: string[], env: Env = {}) {
  const child = spawnCli(['serve', ...args], env)
  const logEntries: Record<string, unknown>[] = []
  let hasEnded = false
  const outputEnded = readLines().finally(() => {
    hasEnded = true
  })

  async function readLines(): Promise<void> {
    const decoder = new TextDecoder()
    let remainder = ''
    for await (const chunk of child.stdout) {
      const completeLines = (remainder + decoder.decode(chunk, { stream: true })).split('\n')
      remainder = completeLines.pop() ?? ''
      for (const line of completeLines) logEntries.push(JSON.parse(line))
    }
    if (remainder !== '') throw new Error(`incomplete last log line: ${remainder}`)
  }

  /** Waits for the first log entry with this message. @throws Error when the time is up or `serve` has ended */
  async function waitForLog(message: string): Promise<Record<string, unknown>> {
    const findEntry = () => logEntries.find(entry => entry.message === message)
    const options = { what: `the log entry "${message}"`, timeoutMs: TIMEOUT_MS }
    await waitUntil(() => hasEnded || findEntry() !== undefined, options)
    const entry = findEntry()
    if (!entry) throw new Error(`serve ended without "${message}": ${await child.stderr.text()}`)
    return entry
  }

  return {
    pid: child.pid,
    /** The log entries so far. */
    logEntries,
    waitForLog,
    /** The listening address, once it listens: `http://127.0.0.1:4711/`. */
    address: async () => String((await waitForLog('listening')).address),
    /** Sends a signal and waits for the exit. */
    async stop(signal: NodeJS.Signals = 'SIGTERM') {
      child.kill(signal)
      const [exitCode, stderr] = await Promise.all([child.exited, child.stderr.text(), outputEnded])
      return { exitCode, stderr }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
