import { binary } from '../../../scripts/lib/paths.ts'

/**
 * Runs a `serve` that is expected to fail at the start. It is killed (kill -9) at the timeout, which results in the
 * exit code 137.
 */
export async function runServeToExit(dataDir: string, timeoutMs = 20_000) {
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
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exitCode, stdout, stderr }
}
