import { OperatorError } from '../../src/core/errors.ts'

interface ProgramResult {
  /** As in a shell: 128 plus the signal number if the program was killed. */
  code: number
  stdout: string
  stderr: string
}

/**
 * Runs a program of this host without a shell and with empty standard input, and waits for its end.
 * @param signal ends it early, by SIGTERM
 * @throws OperatorError if the program is not installed
 */
export async function runProgram(
  command: readonly [string, ...string[]],
  signal?: AbortSignal,
): Promise<ProgramResult> {
  const [name, ...rest] = command
  // After su or sudo, root's PATH may lack the system directories.
  const path = Bun.which(name) ?? Bun.which(name, { PATH: '/usr/local/sbin:/usr/sbin:/sbin' })
  if (!path) throw new OperatorError(`${name} was not found on this host: install the package that contains it`)
  const child = Bun.spawn([path, ...rest], { stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) })
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  return { code, stdout, stderr }
}
