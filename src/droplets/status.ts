import type { Droplet } from './engine.ts'
import { formatAgo, formatDuration } from './human-duration.ts'

/**
 * The status of a droplet in the words of `docker ps` (`State.String` in moby's container/state.go), so that lists read
 * the same in both.
 * @param now milliseconds since 1970
 */
export function statusOf(droplet: Droplet, now: number): string {
  const { state, startedAt = now, finishedAt, exitCode, healthCheck } = droplet
  switch (state) {
    case 'running':
      return `Up ${formatDuration(now - startedAt)}${healthCheck ? ` (${healthCheck === 'starting' ? 'health: starting' : healthCheck})` : ''}`
    case 'paused':
      return `Up ${formatDuration(now - startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${exitCode}) ${formatAgo(now - (finishedAt ?? now))}`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'created':
      return 'Created'
    case 'exited':
      return finishedAt === undefined ? '' : `Exited (${exitCode}) ${formatAgo(now - finishedAt)}`
  }
}
