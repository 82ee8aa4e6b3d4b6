import { run } from '../../../scripts/lib/run.ts'
import { SMALL_IMAGE, type TestEngine } from './engines.ts'

/**
 * Starts a droplet that ignores its stop signal, since PID 1 has no handler for it. The engine kills it after a
 * timeout.
 * @param stopTimeoutSeconds the engine's default is 10
 */
export async function startUnstoppable(engine: TestEngine, name: string, stopTimeoutSeconds?: number): Promise<void> {
  const timeoutFlags = stopTimeoutSeconds === undefined ? [] : ['--stop-timeout', String(stopTimeoutSeconds)]
  const args = ['run', '-d', '--name', name, ...timeoutFlags, SMALL_IMAGE, '/bin/busybox', 'sleep', '1000']
  await run(['docker', '-H', `unix://${engine.socket}`, ...args])
}

const WATCH_TIMEOUT_MS = 60_000

/** Subscribes to the engine's events to see when it starts to stop a container. Resolves once subscribed. */
export async function watchStop(engine: TestEngine, name: string): Promise<{ started: () => Promise<void> }> {
  const filters = encodeURIComponent(JSON.stringify({ container: [name], event: ['kill'] }))
  const signal = AbortSignal.timeout(WATCH_TIMEOUT_MS)
  const events = await fetch(`http://localhost/events?filters=${filters}`, { unix: engine.socket, signal })
  return {
    async started() {
      for await (const _ of events.body ?? []) return
      throw new Error(`the engine's event stream ended before it stopped ${name}`)
    },
  }
}
