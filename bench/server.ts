import { print } from '../scripts/lib/terminal.ts'
import { SMALL_IMAGE } from '../tests/testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../tests/testkit/e2e/server-process.ts'
import { tempDir } from '../tests/testkit/temp-dir.ts'

/** Log lines that are read: the listening address, warnings and errors. */
const loggedPatterns = ['"message":"listening"', '"level":"warn"', '"level":"error"']

/**
 * Starts the measured binary with droplets of a small image, and prints its warnings and errors at the end. `grep`
 * filters the log cheaply: reading a line per request in this process would use much of the CPU.
 */
export async function startServer({ socket, program }: { socket?: string; program?: string } = {}) {
  const grepArgs = loggedPatterns.map(text => `-e '${text}'`).join(' ')
  // Benchmarks measure durable writes, so the data is on disk.
  const dir = tempDir()
  const server: ServerProcess = await startServerProcess({
    dataDir: dir.path,
    socket: socket ?? '/nonexistent/docker.sock',
    flags: ['--image', SMALL_IMAGE],
    commandPrefix: ['bash', '-c', `exec "$@" > >(exec grep -F --line-buffered ${grepArgs})`, 'bash'],
    ...(program !== undefined && { program }),
  })
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      // Without an engine, the log only complains about its absence.
      if (socket !== undefined) server.log.filter(({ level }) => level !== 'info').forEach(printLogEntry)
      await server[Symbol.asyncDispose]()
      dir[Symbol.dispose]()
    },
  }
}

function printLogEntry({ time, level, message, error }: Record<string, unknown>): void {
  print(`${time} ${level}: ${message} ${String(error ?? '').split('\n')[0]}`)
}
