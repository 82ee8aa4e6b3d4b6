import type {
  Droplet,
  DropletEngine,
  DropletEvent,
  Execution,
  NewDroplet,
  Printed,
  Probe,
  Program,
  Usage,
} from '../../src/droplets/engine.ts'
import { DropletGoneError, NameTakenError, PortTakenError } from '../../src/droplets/engine.ts'
import { ApiError } from '../../src/errors.ts'
import { aDroplet } from './droplet.ts'

export type MemoryEngine = ReturnType<typeof createMemoryEngine>

/**
 * Droplets in memory, for what is not about a real engine. Calls are recorded, and any of them can be made to fail.
 */
export function createMemoryEngine(now: () => number) {
  const droplets: (Droplet & { mark?: string })[] = []
  const calls: string[] = []
  const failures = new Map<string, Error[]>()
  const takenPorts = new Set<number>()
  const authorizedKeys: string[] = []
  const listeners = new Set<ReturnType<typeof createChannel>>()
  const probes: string[] = []
  const findings = new Map<string, () => Probe | Promise<Probe>>()
  const usages = new Map<string, () => Usage | undefined | Promise<Usage>>()
  const programs: ((program: Program) => Execution)[] = []
  let away = false
  let silent = false

  const called = (call: string, method: string) => {
    calls.push(call)
    if (away) throw new ApiError('engineUnavailable')
    const failure = failures.get(method)?.shift()
    if (failure) throw failure
  }
  const find = (id: string) => {
    const droplet = droplets.find(candidate => candidate.id === id)
    if (!droplet) throw new DropletGoneError(new Error(`no droplet ${id}`))
    return droplet
  }
  const tell = (id: string, said: Partial<DropletEvent> = {}) => {
    for (const listener of silent ? [] : listeners) listener.push({ id, stopped: undefined, check: undefined, ...said })
  }

  /** Ends what was begun to be told. */
  const hangUp = () => {
    for (const listener of listeners) listener.end()
    listeners.clear()
  }

  const engine: DropletEngine = {
    async list() {
      called('list', 'list')
      return droplets.map(({ id, name }) => ({ id, name }))
    },
    async inspect(id) {
      // Not recorded: it is what the live model does by itself, at moments of its own.
      if (away) throw new ApiError('engineUnavailable')
      const found = droplets.find(candidate => candidate.id === id)
      if (!found) return undefined
      const { mark: _, ...droplet } = found
      // The ports of one that is stopped are kept, and not bound.
      return droplet.state === 'exited' ? { ...droplet, ports: {} } : { ...droplet }
    },
    async events(signal) {
      if (away) throw new ApiError('engineUnavailable')
      const channel = createChannel()
      listeners.add(channel)
      signal.addEventListener('abort', () => {
        listeners.delete(channel)
        channel.end()
      })
      return channel.items()
    },
    async ping() {
      if (away) throw new ApiError('engineUnavailable')
    },
    async probe(id) {
      probes.push(id)
      if (away) throw new ApiError('engineUnavailable')
      const found = findings.get(id)
      // Where a test does not say what is found, nothing is: what no test looks at does not change at moments of its own.
      return found ? await found() : await new Promise(() => undefined)
    },
    async usage(id) {
      if (away) throw new ApiError('engineUnavailable')
      return await usages.get(id)?.()
    },
    async execute(id, program) {
      const droplet = find(id)
      called(`execute ${droplet.name}: ${program.command.join(' ')}`, 'execute')
      return programs.shift()?.(program) ?? finished()
    },
    async console(id, { lines, follow }, signal) {
      const droplet = find(id)
      called(`console ${droplet.name} ${lines}${follow ? ' follow' : ''}`, 'console')
      return printing(['booted\n'], follow ? signal : undefined)
    },
    async prepare() {
      called('prepare', 'prepare')
    },
    async create(droplet: NewDroplet) {
      called(`create ${droplet.name}`, 'create')
      if (droplets.some(({ name }) => name === droplet.name)) throw new NameTakenError(undefined)
      authorizedKeys.push(droplet.authorizedKeys)
      const bindings = droplet.ports.map(({ host, hostPort, dropletPort }) => [
        String(dropletPort),
        { type: 'tcp', from: { ip: host, port: hostPort } },
      ])
      const { name, hostname, mark, createdBy } = droplet
      const ports = Object.fromEntries(bindings)
      const made = aDroplet({
        name,
        hostname,
        createdBy,
        createdAt: now(),
        startedAt: undefined,
        state: 'created',
        ports,
      })
      droplets.unshift({ ...made, mark })
      tell(made.id)
      return made.id
    },
    async start(id) {
      const droplet = find(id)
      called(`start ${droplet.name}`, 'start')
      if (Object.values(droplet.ports).some(({ from }) => takenPorts.has(from.port))) {
        throw new PortTakenError(undefined)
      }
      Object.assign(droplet, { state: 'running', startedAt: now() })
      tell(id)
    },
    async stop(id) {
      const droplet = find(id)
      called(`stop ${droplet.name}`, 'stop')
      Object.assign(droplet, { state: 'exited', finishedAt: now(), exitCode: 0 })
      tell(id)
    },
    async remove(id) {
      const droplet = find(id)
      called(`remove ${droplet.name}`, 'remove')
      droplets.splice(droplets.indexOf(droplet), 1)
      tell(id)
    },
    async removeMarked(mark, answered) {
      called(answered ? 'removeMarked' : 'removeMarked of an unanswered create', 'removeMarked')
      const at = droplets.findIndex(droplet => droplet.mark === mark)
      if (at === -1) return false
      for (const { id } of droplets.splice(at, 1)) tell(id)
      return true
    },
  }

  return {
    engine,
    /** Newest first. What is changed here is told of by `tell`, or is an event that was missed. */
    droplets,
    tell,
    /** What is found within a droplet, by its id. */
    findings,
    /** The ids of the droplets that were looked into, in order. */
    probes,
    /** What the next programs do that are started in a droplet. */
    programs,
    /** What is used by a droplet, by its id. */
    usages,
    /** What was asked, in order: `list`, `create cikit01`, `start cikit01` … */
    calls,
    /** What was laid in, droplet by droplet. */
    authorizedKeys,
    /** Host ports that somebody else listens on. */
    takenPorts,
    /** The next call of this method throws, once. */
    fail: (method: keyof DropletEngine, error: Error) => {
      failures.set(method, [...(failures.get(method) ?? []), error])
    },
    /** What happens from here on is not told of. */
    fallSilent(): void {
      silent = true
    },
    /** Nothing is answered any more, and nothing told. */
    goAway(): void {
      away = true
      hangUp()
    },
    hangUp,
    comeBack(): void {
      away = false
    },
  }
}

/** A program that printed this and has ended. */
export function finished(text = '', exitCode: number | undefined = 0): Execution {
  return {
    output: printing(text === '' ? [] : [text]),
    write: () => true,
    resize: async () => undefined,
    end: async () => undefined,
    exitCode: async () => exitCode,
  }
}

/** @param until goes on after that, and ends with it */
export async function* printing(texts: string[], until?: AbortSignal): AsyncGenerator<Printed> {
  for (const text of texts) yield { stream: 'stdout', bytes: new TextEncoder().encode(text) }
  if (until && !until.aborted) await new Promise(resolve => until.addEventListener('abort', resolve))
}

/** What is pushed comes out in order; when it is ended, whoever waits is thrown at. */
function createChannel() {
  const queue: DropletEvent[] = []
  let ended = false
  let wake = Promise.withResolvers<void>()
  return {
    push(item: DropletEvent): void {
      queue.push(item)
      wake.resolve()
    },
    end(): void {
      ended = true
      wake.resolve()
    },
    async *items(): AsyncGenerator<DropletEvent> {
      for (;;) {
        const item = queue.shift()
        if (item !== undefined) yield item
        else if (ended) throw new ApiError('engineUnavailable')
        else {
          await wake.promise
          wake = Promise.withResolvers()
        }
      }
    },
  }
}
