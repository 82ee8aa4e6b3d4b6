import { fingerprintOf } from '../users/ssh-keys/host-key.ts'
import type { ListedDroplet } from './engine.ts'
import { assumedHealth, BOOT_TIMEOUT_MS } from './health-checker.ts'
import { formatAgo, stableFor } from './human-duration.ts'
import type { DropletBody, DropletList } from './schema.ts'
import { statusOf } from './status.ts'

export interface RenderContext {
  /** Milliseconds since 1970. */
  now: number
  /** The name by which clients reach the host. */
  domain: string
}

export function toDropletList(droplets: readonly ListedDroplet[], context: RenderContext): DropletList {
  return droplets.map(droplet => toDropletBody(droplet, context))
}

export function toDropletBody(droplet: ListedDroplet, { now, domain }: RenderContext): DropletBody {
  const { body, createdSecond } = staticFields(droplet, domain)
  return {
    ...body,
    created: formatAgo(now - createdSecond),
    status: statusOf(droplet, now),
    health: droplet.health ?? assumedHealth(droplet, now) ?? null,
  }
}

/** The time at which `toDropletBody` next returns something else for this droplet, in milliseconds since 1970. */
export function validUntil(droplet: ListedDroplet, { now, domain }: RenderContext): number {
  const { startedAt, finishedAt } = droplet
  const { createdSecond } = staticFields(droplet, domain)
  const bootDeadline = (startedAt ?? 0) + BOOT_TIMEOUT_MS
  const changes = [createdSecond, startedAt, finishedAt].map(time =>
    time === undefined ? Number.POSITIVE_INFINITY : now + stableFor(now - time),
  )
  return Math.min(...changes, bootDeadline > now ? bootDeadline : Number.POSITIVE_INFINITY)
}

interface StaticFields {
  domain: string
  body: DropletBody
  createdSecond: number
}

/** Fields that do not depend on the time. A changed droplet is a new object. */
const staticFieldsCache = new WeakMap<ListedDroplet, StaticFields>()

function staticFields(droplet: ListedDroplet, domain: string): StaticFields {
  const cached = staticFieldsCache.get(droplet)
  if (cached?.domain === domain) return cached
  const fields = {
    domain,
    body: staticBody(droplet, domain),
    // Docker's list has the creation time in whole seconds.
    createdSecond: Math.floor(droplet.createdAt / 1000) * 1000,
  }
  staticFieldsCache.set(droplet, fields)
  return fields
}

function staticBody(droplet: ListedDroplet, domain: string): DropletBody {
  const { id, name, createdAt, createdBy, startedAt, finishedAt, exitCode, state, ports, hostname, image, hostKey } =
    droplet
  const hasEnded = state === 'exited' || state === 'dead'
  const isUp = state === 'running' || state === 'paused'
  const sshd = ports['22']
  return {
    id: id.slice(0, 12),
    name,
    created: '',
    created_at: new Date(createdAt).toISOString(),
    created_by: createdBy ?? null,
    status: '',
    state,
    ports,
    number: Number(name.slice(-2)),
    hostname,
    image,
    started_at: toIsoTime(startedAt),
    stopped_at: isUp ? null : toIsoTime(finishedAt),
    exit_code: hasEnded ? exitCode : null,
    health: null,
    ssh: sshd?.type === 'tcp' ? toSshBody(sshd.from.port, domain, hostKey) : null,
  }
}

function toSshBody(port: number, domain: string, hostKey: string | undefined): DropletBody['ssh'] {
  return {
    command: `ssh -p ${port} root@${domain}`,
    host_key: hostKey ?? null,
    fingerprint: hostKey === undefined ? null : fingerprintOf(hostKey),
  }
}

function toIsoTime(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString()
}
