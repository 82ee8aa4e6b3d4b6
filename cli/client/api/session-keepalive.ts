import { withApi } from './session.ts'
import type { SessionFile } from './session-file.ts'

const REFRESH_INTERVAL_MS = 10 * 60_000

/** Refreshes tokens until the scope ends, so that a command that runs for days keeps its session. */
export function keepSessionAlive(file: SessionFile): Disposable {
  // If the session has ended, the running command reports it.
  const timer = setInterval(() => withApi(file, async () => undefined).catch(() => undefined), REFRESH_INTERVAL_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
