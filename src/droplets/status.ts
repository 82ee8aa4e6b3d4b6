import { ago, duration } from './age.ts'
import type { Droplet } from './engine.ts'

/**
 * What a droplet is at, in the words of `docker ps`, true at the moment of `now`. The forms are those of Docker's own
 * daemon (`State.String` in moby's container/state.go), so that a list reads the same here and there.
 * @param now milliseconds since 1970
 */
export function statusOf(droplet: Droplet, now: number): string {
  const { state, startedAt = now, finishedAt, exitCode, check } = droplet
  switch (state) {
    case 'running':
      return `Up ${duration(now - startedAt)}${check ? ` (${check === 'starting' ? 'health: starting' : check})` : ''}`
    case 'paused':
      return `Up ${duration(now - startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${exitCode}) ${ago(now - (finishedAt ?? now))}`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'created':
      return 'Created'
    case 'exited':
      return finishedAt === undefined ? '' : `Exited (${exitCode}) ${ago(now - finishedAt)}`
  }
}
