import { UserError } from './terminal.ts'

/**
 * Runs a command to its end.
 * @returns its standard output
 * @throws Obstacle with what it said last, when it does not exit with 0
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

/** Asks until the answer is yes. @returns whether it was within the limit */
export async function pollUntil(timeoutMs: number, condition: () => Promise<boolean> | boolean): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline) {
    if (await condition()) return true
    await Bun.sleep(50)
  }
  return false
}
