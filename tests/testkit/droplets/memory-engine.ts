import { ApiError } from '../../../src/core/errors.ts'
import type {
  Droplet,
  DropletEngine,
  DropletEvent,
  Execution,
  NewDroplet,
  OutputChunk,
  Probe,
  Program,
  Usage,
} from '../../../src/droplets/engine.ts'
import { DropletGoneError, NameTakenError, PortTakenError } from '../../../src/droplets/engine.ts'
import { createTestDroplet } from './droplet.ts'

/** An in-memory engine. Calls are recorded, and any of them can be made to fail. */
export function createMemoryEngine(now: () => number) {
  const droplets: (Droplet & { mark?: string })[] = []
  const calls: string[] = []
  const failures = new Map<string, Error[]>()
  const takenPorts = new Set<number>()
  const authorizedKeys: string[] = []
  const listeners = new Set<ReturnType<typeof createChannel>>()
  const probedIds: string[] = []
  const probeResults = new Map<string, () => Probe | Promise<Probe>>()
  const usages = new Map<string, () => Usage | undefined | Promise<Usage>>()
  const programs: ((program: Program) => Execution)[] = []
  let isUnreachable = false
  let isSilent = false

  const recordCall = (call: string, method: string) => {
    calls.push(call)
    if (isUnreachable) throw new ApiError('engineUnavailable')
    const failure = failures.get(method)?.shift()
    if (failure) throw failure
  }
  const findDroplet = (id: string) => {
    const droplet = droplets.find(candidate => candidate.id === id)
    if (!droplet) throw new DropletGoneError(new Error(`no droplet ${id}`))
    return droplet
  }
  const emitEvent = (id: string, fields: Partial<DropletEvent> = {}) => {
    for (const listener of isSilent ? [] : listeners)
      listener.push({ id, stopped: undefined, healthCheck: undefined, ...fields })
  }

  /** Ends all event streams. */
  const endEventStreams = () => {
    for (const listener of listeners) listener.end()
    listeners.clear()
  }

  const engine: DropletEngine = {
    async list() {
      recordCall('list', 'list')
      return droplets.map(({ id, name }) => ({ id, name }))
    },
    async inspect(id) {
      // Not recorded, because the informer calls it at any time.
      if (isUnreachable) throw new ApiError('engineUnavailable')
      const match = droplets.find(candidate => candidate.id === id)
      if (!match) return undefined
      const { mark: _, ...droplet } = match
      // A stopped droplet has no bound ports.
      return droplet.state === 'exited' ? { ...droplet, ports: {} } : { ...droplet }
    },
    async events(signal) {
      if (isUnreachable) throw new ApiError('engineUnavailable')
      const channel = createChannel()
      listeners.add(channel)
      signal.addEventListener('abort', () => {
        listeners.delete(channel)
        channel.end()
      })
      return channel.items()
    },
    async ping() {
      if (isUnreachable) throw new ApiError('engineUnavailable')
    },
    async probe(id) {
      probedIds.push(id)
      if (isUnreachable) throw new ApiError('engineUnavailable')
      const probeResult = probeResults.get(id)
      // Without a configured result, probes find nothing, so that droplets do not change unexpectedly.
      return probeResult ? await probeResult() : await new Promise(() => undefined)
    },
    async usage(id) {
      if (isUnreachable) throw new ApiError('engineUnavailable')
      return await usages.get(id)?.()
    },
    async execute(id, program) {
      const droplet = findDroplet(id)
      recordCall(`execute ${droplet.name}: ${program.command.join(' ')}`, 'execute')
      return programs.shift()?.(program) ?? finishedExecution()
    },
    async console(id, { lines, follow }, signal) {
      const droplet = findDroplet(id)
      recordCall(`console ${droplet.name} ${lines}${follow ? ' follow' : ''}`, 'console')
      return printedOutput(['booted\n'], follow ? signal : undefined)
    },
    async prepare() {
      recordCall('prepare', 'prepare')
    },
    async create(droplet: NewDroplet) {
      recordCall(`create ${droplet.name}`, 'create')
      if (droplets.some(({ name }) => name === droplet.name)) throw new NameTakenError(undefined)
      authorizedKeys.push(droplet.authorizedKeys)
      const bindings = droplet.ports.map(({ host, hostPort, dropletPort }) => [
        String(dropletPort),
        { type: 'tcp', from: { ip: host, port: hostPort } },
      ])
      const { name, hostname, mark, createdBy } = droplet
      const ports = Object.fromEntries(bindings)
      const created = createTestDroplet({
        name,
        hostname,
        createdBy,
        createdAt: now(),
        startedAt: undefined,
        state: 'created',
        ports,
      })
      droplets.unshift({ ...created, mark })
      emitEvent(created.id)
      return created.id
    },
    async start(id) {
      const droplet = findDroplet(id)
      recordCall(`start ${droplet.name}`, 'start')
      if (Object.values(droplet.ports).some(({ from }) => takenPorts.has(from.port))) {
        throw new PortTakenError(undefined)
      }
      Object.assign(droplet, { state: 'running', startedAt: now() })
      emitEvent(id)
    },
    async stop(id) {
      const droplet = findDroplet(id)
      recordCall(`stop ${droplet.name}`, 'stop')
      Object.assign(droplet, { state: 'exited', finishedAt: now(), exitCode: 0 })
      emitEvent(id)
    },
    async remove(id) {
      const droplet = findDroplet(id)
      recordCall(`remove ${droplet.name}`, 'remove')
      droplets.splice(droplets.indexOf(droplet), 1)
      emitEvent(id)
    },
    async removeMarked(mark, answered) {
      recordCall(answered ? 'removeMarked' : 'removeMarked of an unanswered create', 'removeMarked')
      const index = droplets.findIndex(droplet => droplet.mark === mark)
      if (index === -1) return false
      for (const { id } of droplets.splice(index, 1)) emitEvent(id)
      return true
    },
  }

  return {
    engine,
    /** Newest first. Changes made here are only reported by `emitEvent`. */
    droplets,
    emitEvent,
    /** Probe results by droplet id. */
    probeResults,
    /** The ids of the probed droplets, in order. */
    probedIds,
    /** The next executions in a droplet; without one, the program prints nothing and exits with 0. */
    programs,
    /** Resource usage by droplet id. */
    usages,
    /** The recorded calls, in order: `list`, `create cikit01`, `start cikit01` … */
    calls,
    /** The authorized keys of each created droplet, in order. */
    authorizedKeys,
    /** Host ports in use by other programs. */
    takenPorts,
    /** Makes one call of this method fail. Several errors apply to successive calls. */
    failNext: (method: keyof DropletEngine, error: Error) => {
      failures.set(method, [...(failures.get(method) ?? []), error])
    },
    /** Drops all further events. */
    stopEvents(): void {
      isSilent = true
    },
    /** Rejects all calls and ends the event streams. */
    disconnect(): void {
      isUnreachable = true
      endEventStreams()
    },
    endEventStreams,
    reconnect(): void {
      isUnreachable = false
    },
  }
}

/** The execution of a program that has printed this text and exited. */
export function finishedExecution(text = '', exitCode: number | undefined = 0): Execution {
  return {
    output: printedOutput(text === '' ? [] : [text]),
    write: () => true,
    resize: async () => undefined,
    kill: async () => undefined,
    exitCode: async () => exitCode,
  }
}

/** @param signal keeps the output open until it aborts */
export async function* printedOutput(texts: string[], signal?: AbortSignal): AsyncGenerator<OutputChunk> {
  for (const text of texts) yield { stream: 'stdout', bytes: new TextEncoder().encode(text) }
  if (signal && !signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
}

/** Yields pushed events in order; `end` makes the reader throw. */
function createChannel() {
  const queue: DropletEvent[] = []
  let hasEnded = false
  let changed = Promise.withResolvers<void>()
  return {
    push(item: DropletEvent): void {
      queue.push(item)
      changed.resolve()
    },
    end(): void {
      hasEnded = true
      changed.resolve()
    },
    async *items(): AsyncGenerator<DropletEvent> {
      for (;;) {
        const item = queue.shift()
        if (item !== undefined) yield item
        else if (hasEnded) throw new ApiError('engineUnavailable')
        else {
          await changed.promise
          changed = Promise.withResolvers()
        }
      }
    },
  }
}
