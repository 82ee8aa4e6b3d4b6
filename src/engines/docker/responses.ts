import { ApiError } from '../../core/errors.ts'
import type { Droplet, DropletEvent, DropletRef, DropletState, PortBinding, Usage } from '../../droplets/engine.ts'
import { numberOf } from '../../droplets/naming.ts'
import type { EngineInfo } from './cgroup.ts'

// The only place where Docker's responses are parsed. An unexpected shape means that the engine is broken (918).

/** Label of the containers that we create: the requesting user. */
export const CREATOR_LABEL = 'cikit-api.user'

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

/** `GET /containers/ID/stats`; undefined for a stopped container, for which Docker reports no readings. */
export function parseUsage(response: unknown): Usage | undefined {
  const { read, cpu_stats, memory_stats, networks, blkio_stats, pids_stats } = asRecord(response)
  const at = parseTime(read)
  const { usage, limit, stats } = asRecord(memory_stats ?? {})
  if (at === undefined || usage === undefined) return undefined
  // Like `docker stats`, without inactive cache, which the kernel can reclaim (cgroup v2, then v1).
  const { inactive_file, total_inactive_file } = asRecord(stats ?? {})
  const [networkIn, networkOut] = ['rx_bytes', 'tx_bytes'].map(name =>
    sum(Object.values(asRecord(networks ?? {})).map(network => asRecord(network)[name])),
  )
  const transfers = asRecord(blkio_stats ?? {}).io_service_bytes_recursive
  const [diskRead, diskWritten] = ['read', 'write'].map(direction =>
    sum(
      (Array.isArray(transfers) ? transfers : [])
        .map(asRecord)
        .flatMap(({ op, value }) => (isOp(op, direction) ? [value] : [])),
    ),
  )
  return {
    at,
    cpuSeconds: asCount(asRecord(asRecord(cpu_stats).cpu_usage).total_usage) / 1e9,
    memory: Math.max(asCount(usage) - asCount(total_inactive_file ?? inactive_file ?? 0), 0),
    memoryLimit: asCount(limit ?? 0),
    networkIn: networkIn ?? 0,
    networkOut: networkOut ?? 0,
    diskRead: diskRead ?? 0,
    diskWritten: diskWritten ?? 0,
    processes: asCount(asRecord(pids_stats ?? {}).current ?? 0),
  }
}

/** cgroup v1 has `Read`, v2 `read`. */
function isOp(op: unknown, direction: string): boolean {
  return typeof op === 'string' && op.toLowerCase() === direction
}

function sum(counts: unknown[]): number {
  return counts.map(asCount).reduce((left, right) => left + right, 0)
}

/** An unsigned 64-bit kernel counter; large values lose precision here. */
function asCount(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) throw unexpected('an invalid counter')
  return value
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

/** RFC 3339 with nanoseconds; the zero time of Go means never. */
function parseTime(value: unknown): number | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(asString(value))
  const seconds = match ? Date.parse(`${match[1]}${match[3]}`) : Number.NaN
  if (Number.isNaN(seconds)) throw unexpected('an invalid time')
  // Fractions of a millisecond matter: they decide which of two droplets is newer.
  return value === '0001-01-01T00:00:00Z' ? undefined : seconds + Number(match?.[2] ?? 0) * 1000
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unexpected('something other than an object')
  return { ...value }
}

/** Untrusted text, or an empty string if it does not match. */
function matchOrEmpty(shape: RegExp, value: unknown): string {
  return typeof value === 'string' && shape.test(value) ? value : ''
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function asString(value: unknown): string {
  if (typeof value !== 'string') throw unexpected('something other than a string')
  return value
}

function unexpected(description: string): ApiError {
  return new ApiError('engineUnavailable', { cause: new Error(`The engine answered ${description}`) })
}
