import { print } from '../scripts/lib/terminal.ts'
import { SMALL_IMAGE } from '../tests/_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../tests/_support/e2e/matrix.ts'

/** Of the log: where it listens, and what went wrong. */
const told = ['"message":"listening"', '"level":"warn"', '"level":"error"']

/**
 * The binary that is measured, with droplets of a small image; what its log complains of is shown in the end.
 * The log goes through a `grep`, which costs next to nothing: to read a line for every request here would take a good
 * part of the machine that it is measured on.
 */
export async function startServer({ socket, program }: { socket?: string; program?: string } = {}) {
  const patterns = told.map(text => `-e '${text}'`).join(' ')
  const matrix: Matrix = await startMatrix({
    socket: socket ?? '/nonexistent/docker.sock',
    flags: ['--image', SMALL_IMAGE],
    wrap: ['bash', '-c', `exec "$@" > >(exec grep -F --line-buffered ${patterns})`, 'bash'],
    ...(program !== undefined && { program }),
  })
  return {
    ...matrix,
    async [Symbol.asyncDispose]() {
      // Without an engine it says that there is none.
      if (socket !== undefined) matrix.log.filter(({ level }) => level !== 'info').forEach(show)
      await matrix[Symbol.asyncDispose]()
    },
  }
}

function show({ time, level, message, error }: Record<string, unknown>): void {
  print(`${time} ${level}: ${message} ${String(error ?? '').split('\n')[0]}`)
}
