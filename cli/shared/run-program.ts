import { OperatorError } from '../../src/core/errors.ts'

export interface ProgramResult {
  /** As a shell has it: 128 and the signal for one that was killed. */
  code: number
  stdout: string
  stderr: string
}

/**
 * Runs a program of this host to its end, by its arguments and without a shell, with nothing to read.
 * @param signal ends it early, by SIGTERM
 * @throws OperatorError when there is no such program
 */
export async function runProgram(
  command: readonly [string, ...string[]],
  signal?: AbortSignal,
): Promise<ProgramResult> {
  const [name, ...rest] = command
  // Root by su or sudo may have a PATH without the system's own programs.
  const path = Bun.which(name) ?? Bun.which(name, { PATH: '/usr/local/sbin:/usr/sbin:/sbin' })
  if (!path) throw new OperatorError(`There is no ${name} on this host: install the package that has it`)
  const child = Bun.spawn([path, ...rest], { stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) })
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  return { code, stdout, stderr }
}
