import { TEST_ACTOR } from '../actor.ts'
import type { createTestDropletHost } from './droplet-host.ts'

/** Blocks a call until it is opened. `entered` resolves when the call arrives. */
export function createGate() {
  const entered = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    entered: entered.promise,
    open: opened.resolve,
    async pass(): Promise<void> {
      entered.resolve()
      await opened.promise
    },
  }
}

/** Starts a stop of cikit01 that runs until its gate is opened. */
export async function startHeldStop(host: ReturnType<typeof createTestDropletHost>) {
  host.addDroplet('cikit01')
  const gate = createGate()
  const { change, operations } = host.startService({ stop: gate.pass })
  const { id } = await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
  await gate.entered
  return { id, gate, change, operations }
}
