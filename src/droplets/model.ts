import { t } from 'elysia'
import { formatAgo } from './age.ts'
import type { ListedDroplet } from './engine.ts'
import { assumedHealth } from './health.ts'
import { fingerprintOf } from './host-key.ts'
import { statusOf } from './status.ts'

const portBinding = t.Object({
  type: t.String(),
  from: t.Object({ ip: t.String(), port: t.Integer() }),
})

const nullableString = (description: string) => t.Union([t.String(), t.Null()], { description })

const sshBody = t.Object({
  command: t.String({ description: 'What opens a shell in it: ssh -p 2207 root@matrix.example.com' }),
  host_key: nullableString(
    'Its public host key, as a line of known_hosts has it after the host; null as long as it is unknown',
  ),
  fingerprint: nullableString('Of that key, as ssh and ssh-keygen -l show it: SHA256:…'),
})

export const dropletBody = t.Object({
  id: t.String({ description: 'The first 12 characters of the container id' }),
  name: t.String(),
  created: t.String({ description: 'As docker ps words it: 9 minutes ago' }),
  created_at: t.String({ description: 'ISO 8601, UTC' }),
  created_by: nullableString('The user who added it; null for one that was not added through this API'),
  status: t.String({ description: 'As docker ps words it: Up 8 minutes' }),
  state: t.UnionEnum(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']),
  ports: t.Record(t.String(), portBinding, { description: 'By the port inside the droplet; empty for a stopped one' }),
  number: t.Integer({ description: 'The two digits of its name' }),
  hostname: t.String(),
  image: t.String({ description: 'What it was made from' }),
  started_at: nullableString('When it was started last'),
  stopped_at: nullableString('When it stopped last; null while it runs'),
  exit_code: t.Union([t.Integer(), t.Null()], { description: 'Of its init; null while it runs' }),
  health: t.Union([t.UnionEnum(['booting', 'ready', 'degraded']), t.Null()], {
    description: 'Whether it can be worked with; null for one that does not run, or was not looked into yet',
  }),
  ssh: t.Union([sshBody, t.Null()], { description: 'null for one whose port 22 is not published' }),
})

export const dropletList = t.Array(dropletBody, { description: 'Newest first' })

export type DropletBody = typeof dropletBody.static
export type DropletList = typeof dropletList.static

/** The moment, in milliseconds since 1970, for which an answer is true, and the name by which clients reach the host. */
export interface RenderContext {
  now: number
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

interface StaticFields {
  domain: string
  body: DropletBody
  createdSecond: number
}

/** What no time changes: a droplet that is not as it was is another object. */
const staticFieldsCache = new WeakMap<ListedDroplet, StaticFields>()

function staticFields(droplet: ListedDroplet, domain: string): StaticFields {
  const cached = staticFieldsCache.get(droplet)
  if (cached?.domain === domain) return cached
  const fields = {
    domain,
    body: staticBody(droplet, domain),
    // Docker knows of the creation to the second here.
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
