/** Announces the step that starts now. */
export function logStep(line: string): void {
  process.stdout.write(`== ${line}\n`)
}

/** Output without decoration. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** A problem that the user can fix. The message says what happened and what to do; it is printed without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError'
}

/** Runs a script's body. Prints a `UserError` as its message, any other error with its stack, and exits with 1. */
export async function runScript(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    process.stderr.write(`${error instanceof UserError ? `\n${error.message}\n` : Bun.inspect(error)}\n`)
    process.exitCode = 1
  }
}

/** The command line without `--yes`, which every script that installs packages accepts. */
export function scriptArguments(): string[] {
  return process.argv.slice(2).filter(argument => argument !== '--yes')
}
