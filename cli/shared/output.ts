import { errorCode } from '../../src/core/error-code.ts'

/**
 * Writes to standard output.
 * @returns false when the reader is gone, as after `| head`
 */
export async function print(output: string | Uint8Array): Promise<boolean> {
  return await writeTo(Bun.stdout, output)
}

/** Like `print`, to standard error. */
export async function printError(output: string): Promise<boolean> {
  return await writeTo(Bun.stderr, output)
}

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function writeTo(stream: Bun.BunFile, output: string | Uint8Array): Promise<boolean> {
  // `Bun.write` truncates a file when there is nothing to write.
  if (output.length === 0) return true
  try {
    await Bun.write(stream, output)
    return true
  } catch (error) {
    if (errorCode(error) === 'EPIPE') return false
    throw error
  }
}
