import { ClientError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import type { DropletBody, DropletList } from '../../../src/droplets/schema.ts'
import { realTiming, retryWhileUnreachable, type Timing } from './retry.ts'

const READY_TIMEOUT_MS = 5 * 60_000
const POLL_INTERVAL_MS = 1_000

/**
 * Waits until a droplet is ready.
 * @param list requests the droplets
 * @param onUnreachable is called for every attempt that does not reach the server
 * @returns the droplets, once this one is ready
 * @throws ClientError if it cannot become ready, or is not within 5 minutes
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

/** @returns undefined while the droplet may still become ready */
function notReadyReason(droplet: DropletBody | undefined): string | undefined {
  if (!droplet) return 'was deleted'
  if (!('health' in droplet)) return 'may or may not be ready: this server does not report health'
  if (droplet.health === 'degraded') return 'is degraded: some of its services failed'
  if (droplet.state !== 'running') return `is not running: ${escapeText(droplet.status)}`
  return undefined
}
