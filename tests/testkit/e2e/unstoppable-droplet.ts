import { run } from '../../../scripts/lib/run.ts'
import { SMALL_IMAGE, type TestEngine } from './engines.ts'

/**
 * Starts a droplet that does not hear its stop signal, as PID 1 that set no handler for it: the engine kills it when
 * its patience is over.
 * @param stopTimeoutSeconds seconds; the engine's own are 10
 */
export async function startUnstoppable(engine: TestEngine, name: string, stopTimeoutSeconds?: number): Promise<void> {
  const timeoutFlags = stopTimeoutSeconds === undefined ? [] : ['--stop-timeout', String(stopTimeoutSeconds)]
  const args = ['run', '-d', '--name', name, ...timeoutFlags, SMALL_IMAGE, '/bin/busybox', 'sleep', '1000']
  await run(['docker', '-H', `unix://${engine.socket}`, ...args])
}

/**
 * Listens to the engine for the moment at which it begins to stop a container.
 * @returns once it listens, something that waits for it
 */
export async function watchStop(engine: TestEngine, name: string): Promise<{ started: () => Promise<void> }> {
  const filters = encodeURIComponent(JSON.stringify({ container: [name], event: ['kill'] }))
  const events = await fetch(`http://localhost/events?filters=${filters}`, { unix: engine.socket })
  return {
    async started() {
      for await (const _ of events.body ?? []) return
      throw new Error(`the engine ended before it stopped ${name}`)
    },
  }
}
