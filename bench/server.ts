import { print } from '../scripts/lib/terminal.ts'
import { SMALL_IMAGE } from '../tests/testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../tests/testkit/e2e/server-process.ts'

/** Of the log: where it listens, and what went wrong. */
const loggedPatterns = ['"message":"listening"', '"level":"warn"', '"level":"error"']

/**
 * The binary that is measured, with droplets of a small image; what its log complains of is shown in the end.
 * The log goes through a `grep`, which costs next to nothing: to read a line for every request here would take a good
 * part of the machine that it is measured on.
 */
export async function startServer({ socket, program }: { socket?: string; program?: string } = {}) {
  const grepArgs = loggedPatterns.map(text => `-e '${text}'`).join(' ')
  const server: ServerProcess = await startServerProcess({
    socket: socket ?? '/nonexistent/docker.sock',
    flags: ['--image', SMALL_IMAGE],
    commandPrefix: ['bash', '-c', `exec "$@" > >(exec grep -F --line-buffered ${grepArgs})`, 'bash'],
    ...(program !== undefined && { program }),
  })
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      // Without an engine it says that there is none.
      if (socket !== undefined) server.log.filter(({ level }) => level !== 'info').forEach(printLogEntry)
      await server[Symbol.asyncDispose]()
    },
  }
}

function printLogEntry({ time, level, message, error }: Record<string, unknown>): void {
  print(`${time} ${level}: ${message} ${String(error ?? '').split('\n')[0]}`)
}
