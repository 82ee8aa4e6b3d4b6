import { readFileSync } from 'node:fs'
import { binary } from '../scripts/lib/paths.ts'
import type { ServerProcess } from '../tests/testkit/e2e/server-process.ts'
import { tempDir } from '../tests/testkit/temp-dir.ts'
import { waitUntil } from '../tests/testkit/wait-until.ts'

const PORT = 18337

/** Milliseconds from the start of the process to its first response, with an existing data directory. */
export async function measureStartups(rounds: number): Promise<number[]> {
  using dir = tempDir()
  const times: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now()
    const child = Bun.spawn([binary, 'serve', '--port', String(PORT), '--data-dir', dir.path], {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    })
    await waitUntil(isResponding, { timeoutMs: 10_000, what: 'the first response of serve' })
    times.push(performance.now() - start)
    child.kill()
    await child.exited
  }
  // The first start creates the data directory and reads the binary from the disk.
  return times.slice(1)
}

/** Resident memory in MB. */
export function residentMegabytes(server: ServerProcess): number {
  const status = readFileSync(`/proc/${server.process.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

async function isResponding(): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${PORT}/`, { signal: AbortSignal.timeout(2_000) }).then(
    () => true,
    () => false,
  )
}
