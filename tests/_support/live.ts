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

/** The same, over an engine that from `hold` on keeps what it found in a look until that is released: the first of `held` first. */
export function createHeldLive() {
  const held: (() => void)[] = []
  let isHolding = false
  const host = createTestLive(engine => ({
    async inspect(id) {
      const droplet = await engine.inspect(id)
      if (isHolding) await new Promise<void>(resolve => held.push(resolve))
      return droplet
    },
  }))
  const hold = (on = true): void => {
    isHolding = on
  }
  return Object.assign(host, { held, hold })
}

/** Resolves when it holds. */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds().catch(() => false))) await new Promise(setImmediate)
}
