import type { Droplet, DropletEvent, DropletRef, DropletState, PortBinding } from '../../droplets/engine.ts'
import { numberOf } from '../../droplets/naming.ts'
import type { EngineInfo } from './cgroup.ts'
import { CREATOR_LABEL } from './container-config.ts'
import { asRecord, asString, isInteger, matchOrEmpty, parseTime, unexpected } from './json-shape.ts'

// Parses Docker's responses into droplet terms. An unexpected shape means that the engine is broken (918).

const states: readonly DropletState[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']
const healthChecks = ['starting', 'healthy', 'unhealthy'] as const

/** `GET /containers/json`: the droplets among the containers. */
export function parseContainers(response: unknown, prefix: string): DropletRef[] {
  if (!Array.isArray(response)) throw unexpected('a container list that is not an array')
  return response.flatMap(entry => {
    const container = asRecord(entry)
    const name = containerName(container.Names)
    return name === undefined || numberOf(name, prefix) === undefined ? [] : [{ id: parseId(container), name }]
  })
}

/** `GET /containers/json`: whether this container is paused. */
export function parsePaused(response: unknown, id: string): boolean {
  if (!Array.isArray(response)) throw unexpected('a container list that is not an array')
  return response.map(asRecord).some(({ Id, State }) => Id === id && State === 'paused')
}

/** `GET /containers/ID/json`; undefined for a container that is not a droplet. */
export function parseContainer(response: unknown, prefix: string): Droplet | undefined {
  const container = asRecord(response)
  const name = containerName([container.Name])
  if (name === undefined || numberOf(name, prefix) === undefined) return undefined
  const { Status, StartedAt, FinishedAt, ExitCode, Health } = asRecord(container.State)
  const state = states.find(candidate => candidate === Status)
  const createdAt = parseTime(container.Created)
  if (state === undefined || createdAt === undefined || !isInteger(ExitCode)) {
    throw unexpected('a container without its state')
  }
  const { Hostname, Domainname, Image, Labels } = asRecord(container.Config)
  const healthCheck = Health === undefined || Health === null ? undefined : asRecord(Health).Status
  return {
    id: parseId(container),
    name,
    hostname: matchOrEmpty(/^[\w.-]{1,255}$/, [Hostname, Domainname].filter(Boolean).join('.')),
    image: matchOrEmpty(/^[\w./:@-]{1,512}$/, Image),
    createdBy: matchOrEmpty(/^[\w.-]{1,64}$/, asRecord(Labels ?? {})[CREATOR_LABEL]) || undefined,
    createdAt,
    startedAt: parseTime(StartedAt),
    finishedAt: parseTime(FinishedAt),
    exitCode: ExitCode,
    state,
    healthCheck: healthChecks.find(candidate => candidate === healthCheck),
    ports: parsePorts(asRecord(container.NetworkSettings).Ports),
  }
}

/** A line of `GET /events`; undefined if it changes neither a droplet nor one that was renamed from or to a droplet name. */
export function parseEvent(line: unknown, prefix: string): DropletEvent | undefined {
  const { Actor, Action, timeNano } = asRecord(line)
  // Execs and reads do not change a droplet.
  if (/^(exec_|attach|top|resize|export|archive-path|extract-to-dir|copy)/.test(asString(Action))) return undefined
  const { ID, Attributes } = asRecord(Actor)
  const { name, oldName, exitCode } = asRecord(Attributes)
  const names = [name, oldName].map(value => (typeof value === 'string' ? value.replace(/^\//, '') : ''))
  if (!names.some(value => numberOf(value, prefix) !== undefined)) return undefined
  const isExit = Action === 'die' && typeof timeNano === 'number' && /^\d{1,3}$/.test(String(exitCode))
  return {
    id: parseId({ Id: ID }),
    healthCheck: healthCheckOf(Action),
    stopped: isExit ? { exitCode: Number(exitCode), at: timeNano / 1e6 } : undefined,
  }
}

/** Parses actions such as `health_status: healthy`. */
function healthCheckOf(action: unknown): DropletEvent['healthCheck'] {
  const [, status] = /^health_status: (.*)$/.exec(String(action)) ?? []
  return status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : undefined
}

/** `GET /info`. */
export function parseInfo(response: unknown): EngineInfo {
  const info = asRecord(response)
  return {
    serverVersion: asString(info.ServerVersion),
    osType: asString(info.OSType),
    // Engines before 20.10 do not report it, and support only v1.
    cgroupVersion: info.CgroupVersion === undefined ? '1' : asString(info.CgroupVersion),
    securityOptions: Array.isArray(info.SecurityOptions) ? info.SecurityOptions.map(asString) : [],
  }
}

/** `GET /info`: the engine's time in milliseconds since 1970; NaN if it is not reported. */
export function parseSystemTime(response: unknown): number {
  const { SystemTime } = asRecord(response)
  return typeof SystemTime === 'string' ? Date.parse(SystemTime) : Number.NaN
}

/** `GET /exec/ID/json` */
export function parseExecRunning(response: unknown): boolean {
  return asRecord(response).Running === true
}

/** `GET /exec/ID/json` */
export function parseExecState(response: unknown): { isRunning: boolean; exitCode: number | undefined } {
  const { Running, ExitCode } = asRecord(response)
  return { isRunning: Running === true, exitCode: isInteger(ExitCode) ? ExitCode : undefined }
}

/** The `Id` of what was created or listed. */
export function parseId(response: unknown): string {
  const id = asString(asRecord(response).Id)
  // The id becomes part of request paths.
  if (!/^[0-9a-f]{64}$/.test(id)) throw unexpected('an invalid id')
  return id
}

export function parseIds(response: unknown): string[] {
  if (!Array.isArray(response)) throw unexpected('a container list that is not an array')
  return response.map(parseId)
}

/** A container's own name is `/NAME`; `/OTHER/ALIAS` are links to it. */
function containerName(names: unknown): string | undefined {
  if (!Array.isArray(names)) throw unexpected('a container without names')
  return names
    .map(asString)
    .find(name => /^\/[^/]+$/.test(name))
    ?.slice(1)
}

/** `{"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "2201"}, …], "80/tcp": null}`. */
function parsePorts(value: unknown): Record<string, PortBinding> {
  const ports: Record<string, PortBinding> = {}
  if (value === null || value === undefined) return ports
  for (const [key, bindings] of Object.entries(asRecord(value))) {
    const [port = '', type = 'tcp'] = key.split('/')
    // A port that the image exposes but that is not published has no bindings.
    for (const entry of Array.isArray(bindings) ? bindings : []) {
      const { HostIp, HostPort } = asRecord(entry)
      const binding = { type, from: { ip: asString(HostIp) || '0.0.0.0', port: Number(HostPort) } }
      const existing = ports[port]
      if (!existing || existing.from.ip.includes(':')) ports[port] = binding
    }
  }
  return ports
}
