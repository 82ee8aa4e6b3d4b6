/** A line that says what is being done now. */
export function logStep(line: string): void {
  process.stdout.write(`== ${line}\n`)
}

/** Output without decoration. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** What a script cannot go on without, and what a person does about it. */
export class UserError extends Error {
  override readonly name = 'UserError'
}

/** Runs a script's body; an obstacle is told in words, and everything else with its stack. */
export async function runScript(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    process.stderr.write(`${error instanceof UserError ? `\n${error.message}\n` : Bun.inspect(error)}\n`)
    process.exitCode = 1
  }
}
