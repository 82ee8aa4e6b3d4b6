import { ClientError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import type { DropletBody, DropletList } from '../../../src/droplets/schema.ts'
import { realTiming, retryWhileUnreachable, type Timing } from './retry.ts'

const READY_TIMEOUT_MS = 5 * 60_000
const POLL_INTERVAL_MS = 1_000

/**
 * Waits until a droplet can be worked with.
 * @param list asks for the list
 * @param onUnreachable is told each time that the server is not there
 * @returns the list in which it is ready
 * @throws ClientError when it will not be, or is not within 5 minutes
 */
export async function waitUntilReady(
  name: string,
  list: () => Promise<DropletList>,
  onUnreachable: () => void,
  timing: Timing = realTiming,
): Promise<DropletList> {
  const deadline = timing.now() + READY_TIMEOUT_MS
  for (;;) {
    const droplets = await retryWhileUnreachable(list, onUnreachable, timing)
    const droplet = droplets.find(droplet => droplet.name === name)
    if (droplet?.health === 'ready') return droplets
    const reason = notReadyReason(droplet)
    if (reason) throw new ClientError('refused', `${escapeText(name)} ${reason}`)
    if (timing.now() >= deadline) throw new ClientError('refused', `${escapeText(name)} is not ready after 5 minutes`)
    await timing.sleep(POLL_INTERVAL_MS)
  }
}

/** Why it does not become ready; undefined as long as it may. */
function notReadyReason(droplet: DropletBody | undefined): string | undefined {
  if (!droplet) return 'is gone'
  if (!('health' in droplet)) return 'may be ready or not: this server does not tell'
  if (droplet.health === 'degraded') return 'is degraded: it runs, and not all that should'
  if (droplet.state !== 'running') return `does not run: ${escapeText(droplet.status)}`
  return undefined
}
