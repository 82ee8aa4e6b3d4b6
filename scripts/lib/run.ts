import { UserError } from './terminal.ts'

/**
 * Runs a command and waits for it.
 * @returns its standard output
 * @throws UserError with the last 15 lines of output if the exit code is not 0
 */
export async function run(command: string[], options: { env?: Record<string, string> } = {}): Promise<string> {
  const child = Bun.spawn(command, {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, ...options.env },
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  await child.exited
  if (child.exitCode !== 0) {
    const output = `${stdout}\n${stderr}`.trim().split('\n').slice(-15).join('\n')
    throw new UserError(`${command.join(' ')} failed (${child.exitCode ?? child.signalCode}):\n${output}`)
  }
  return stdout
}

/** Polls every 50 ms until the condition holds. @returns false on timeout */
export async function pollUntil(timeoutMs: number, condition: () => Promise<boolean> | boolean): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline) {
    if (await condition()) return true
    await Bun.sleep(50)
  }
  return false
}
