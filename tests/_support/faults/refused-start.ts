import { binary } from '../../../scripts/lib/paths.ts'

/** How long a start may take until it is refused; one that is not is killed, and says so by its exit code. */
const LIMIT_MS = 20_000

/** Runs a `serve` that is expected to refuse, to be held against `refusedWith`. */
export async function refusedStart(dataDir: string) {
  const flags = [
    '--data-dir',
    dataDir,
    '--port',
    '0',
    '--domain',
    'matrix.test',
    '--docker-host',
    'unix:///nonexistent',
  ]
  const child = Bun.spawn([binary, 'serve', ...flags], {
    env: { HOME: '/nonexistent' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exitCode, stdout, stderr }
}
