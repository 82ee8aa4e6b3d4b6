import type { Droplet, DropletEngine } from '../../src/droplets/engine.ts'
import { createLiveDroplets } from '../../src/droplets/live.ts'
import { createLog } from '../../src/log.ts'
import { createClock } from './clock.ts'
import { aDroplet } from './droplet.ts'
import { createMemoryEngine } from './memory-engine.ts'

/** The live model over an engine in memory. */
export function createTestLive(changed: (engine: DropletEngine) => Partial<DropletEngine> = () => ({})) {
  const clock = createClock()
  const memory = createMemoryEngine(clock.now)
  const logged: string[] = []
  const log = createLog({ write: line => void logged.push(line), readable: false, now: clock.now })
  const engine = { ...memory.engine, ...changed(memory.engine) }
  const live = createLiveDroplets({ engine, monotonic: clock.monotonic, log })
  return {
    clock,
    memory,
    live,
    logged,
    /** A droplet that appears without our doing. */
    put(name: string): Droplet {
      clock.move(1)
      const droplet = aDroplet({ name, createdAt: clock.now() })
      memory.droplets.unshift(droplet)
      return droplet
    },
    names: async () => (await live.list()).map(({ name }) => name),
    [Symbol.asyncDispose]: () => live.close(),
  }
}

/** Resolves when it holds. */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds().catch(() => false))) await new Promise(setImmediate)
}
