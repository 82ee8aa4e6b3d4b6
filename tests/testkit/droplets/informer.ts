import { createLog } from '../../../src/core/log.ts'
import type { Droplet, DropletEngine } from '../../../src/droplets/engine.ts'
import { createDropletInformer } from '../../../src/droplets/informer.ts'
import { createManualClock } from '../manual-clock.ts'
import { waitUntil } from '../wait-until.ts'
import { createTestDroplet } from './droplet.ts'
import { createMemoryEngine } from './memory-engine.ts'

/** An informer with an in-memory engine. */
export function createTestInformer(overrides: (engine: DropletEngine) => Partial<DropletEngine> = () => ({})) {
  const clock = createManualClock()
  const memoryEngine = createMemoryEngine(clock.now)
  const logLines: string[] = []
  const log = createLog({ write: line => void logLines.push(line), readable: false, now: clock.now })
  const engine = { ...memoryEngine.engine, ...overrides(memoryEngine.engine) }
  const informer = createDropletInformer({ engine, monotonic: clock.monotonic, log })
  return {
    clock,
    memoryEngine,
    informer,
    logLines,
    /** Adds a droplet directly to the engine, without an event. */
    addDroplet(name: string): Droplet {
      clock.advance(1)
      const droplet = createTestDroplet({ name, createdAt: clock.now() })
      memoryEngine.droplets.unshift(droplet)
      return droplet
    },
    names: async () => (await informer.list()).map(({ name }) => name),
    [Symbol.asyncDispose]: () => informer.close(),
  }
}

/** An informer whose inspections can be held. Each held one adds its release function to `heldReleases`. */
export function createHeldInformer() {
  const heldReleases: (() => void)[] = []
  let isHolding = false
  const host = createTestInformer(engine => ({
    async inspect(id) {
      const droplet = await engine.inspect(id)
      if (isHolding) await new Promise<void>(resolve => heldReleases.push(resolve))
      return droplet
    },
  }))
  const setHolding = (isOn = true): void => {
    isHolding = isOn
  }
  return Object.assign(host, { heldReleases, setHolding })
}

/** Waits up to 10 seconds until the condition holds; a rejection counts as false. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  await waitUntil(() => condition().catch(() => false), { what: String(condition) })
}
