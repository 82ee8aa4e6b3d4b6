import { TEST_ACTOR } from '../actor.ts'
import { createGate } from '../gate.ts'
import type { createTestDropletHost } from './droplet-host.ts'

/** Starts a stop of cikit01 that runs until its gate is opened. */
export async function startHeldStop(host: ReturnType<typeof createTestDropletHost>) {
  host.addDroplet('cikit01')
  const gate = createGate()
  const { change, operations } = host.startService({ stop: gate.pass })
  const { id } = await change(TEST_ACTOR, { kind: 'stop', droplet: 'cikit01' })
  await gate.entered()
  return { id, gate, change, operations }
}
