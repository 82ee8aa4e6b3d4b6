import type { Droplet, DropletState, PortBinding } from '../../droplets/engine.ts'
import { numberOf } from '../../droplets/naming.ts'
import { ApiError } from '../../errors.ts'
import type { EngineFacts } from './cgroup.ts'

// What the Docker Engine answers is parsed here and nowhere else. A body of another shape is an engine that is broken (918).

const states: readonly DropletState[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']

/** `GET /containers/json`: the droplets among the containers, in the order that the engine gives (newest first). */
export function parseContainers(answer: unknown, prefix: string): Droplet[] {
  if (!Array.isArray(answer)) throw unexpected('/containers/json is no list')
  return answer.flatMap(entry => {
    const container = asRecord(entry)
    const name = ownName(container.Names)
    if (name === undefined || numberOf(name, prefix) === undefined) return []
    const state = states.find(known => known === container.State)
    if (typeof container.Created !== 'number' || state === undefined) throw unexpected('a container without its state')
    return {
      id: asString(container.Id),
      name,
      createdAt: container.Created * 1000,
      status: asString(container.Status),
      state,
      ports: parsePorts(container.Ports),
    }
  })
}

/** `GET /info`. */
export function parseInfo(answer: unknown): EngineFacts {
  const info = asRecord(answer)
  return {
    serverVersion: asString(info.ServerVersion),
    osType: asString(info.OSType),
    // Engines before 20.10 do not tell, and know of v1 only.
    cgroupVersion: info.CgroupVersion === undefined ? '1' : asString(info.CgroupVersion),
    securityOptions: Array.isArray(info.SecurityOptions) ? info.SecurityOptions.map(asString) : [],
  }
}

/** The `Id` of what was created or listed. */
export function parseId(answer: unknown): string {
  const id = asString(asRecord(answer).Id)
  // It becomes part of a path from here on.
  if (!/^[0-9a-f]{64}$/.test(id)) throw unexpected('an id that is none')
  return id
}

export function parseIds(answer: unknown): string[] {
  if (!Array.isArray(answer)) throw unexpected('/containers/json is no list')
  return answer.map(parseId)
}

/** A container's own name is `/NAME`; `/OTHER/ALIAS` are links to it. */
function ownName(names: unknown): string | undefined {
  if (!Array.isArray(names)) throw unexpected('a container without names')
  return names
    .map(asString)
    .find(name => /^\/[^/]+$/.test(name))
    ?.slice(1)
}

function parsePorts(value: unknown): Record<string, PortBinding> {
  const ports: Record<string, PortBinding> = {}
  if (value === null || value === undefined) return ports
  if (!Array.isArray(value)) throw unexpected('ports that are no list')
  for (const entry of value) {
    const { IP, PrivatePort, PublicPort, Type } = asRecord(entry)
    // A port that is exposed by the image and not published has no place on the host.
    if (typeof PublicPort !== 'number' || typeof PrivatePort !== 'number') continue
    const binding = { type: asString(Type), from: { ip: typeof IP === 'string' ? IP : '0.0.0.0', port: PublicPort } }
    const known = ports[PrivatePort]
    if (!known || known.from.ip.includes(':')) ports[PrivatePort] = binding
  }
  return ports
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unexpected('something that is no object')
  return { ...value }
}

function asString(value: unknown): string {
  if (typeof value !== 'string') throw unexpected('something that is no text')
  return value
}

function unexpected(what: string): ApiError {
  return new ApiError('engineUnavailable', { cause: new Error(`The engine answered ${what}`) })
}
