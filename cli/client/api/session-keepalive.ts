import { withApi } from './session.ts'
import type { SessionFile } from './session-file.ts'

const REFRESH_INTERVAL_MS = 10 * 60_000

/** Until the scope ends, tokens are refreshed when it is time: what goes on for days ends with its session. */
export function keepSessionAlive(file: SessionFile): Disposable {
  // One that is over is told of by what goes on.
  const timer = setInterval(() => withApi(file, async () => undefined).catch(() => undefined), REFRESH_INTERVAL_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
