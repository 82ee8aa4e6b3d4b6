import { t } from 'elysia'
import { ago } from './age.ts'
import type { Droplet } from './engine.ts'
import { statusOf } from './status.ts'

const portBinding = t.Object({
  type: t.String(),
  from: t.Object({ ip: t.String(), port: t.Integer() }),
})

export const dropletBody = t.Object({
  id: t.String({ description: 'The first 12 characters of the container id' }),
  name: t.String(),
  created: t.String({ description: 'As docker ps words it: 9 minutes ago' }),
  created_at: t.String({ description: 'ISO 8601, UTC' }),
  status: t.String({ description: 'As docker ps words it: Up 8 minutes' }),
  state: t.UnionEnum(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']),
  ports: t.Record(t.String(), portBinding, { description: 'By the port inside the droplet; empty for a stopped one' }),
})

export const dropletList = t.Array(dropletBody, { description: 'Newest first' })

export type DropletList = typeof dropletList.static

/** @param now milliseconds since 1970, for which the ages are true */
export function toDropletList(droplets: readonly Droplet[], now: number): DropletList {
  return droplets.map(droplet => ({
    id: droplet.id.slice(0, 12),
    name: droplet.name,
    // Docker knows of the creation to the second here.
    created: ago(now - Math.floor(droplet.createdAt / 1000) * 1000),
    created_at: new Date(droplet.createdAt).toISOString(),
    status: statusOf(droplet, now),
    state: droplet.state,
    ports: droplet.ports,
  }))
}
