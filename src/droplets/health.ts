import type { Droplet, Health } from './engine.ts'

/** How long a boot is given before a droplet that does not greet is not just booting any more. */
const BOOT_MS = 120_000

/**
 * What may be said of a droplet that was not looked into yet.
 * @param now milliseconds since 1970
 */
export function assumedHealth({ state, startedAt }: Droplet, now: number): Health | undefined {
  return state === 'running' && startedAt !== undefined && now - startedAt < BOOT_MS ? 'booting' : undefined
}
