import type { Droplet, DropletEngine, NewDroplet } from '../../src/droplets/engine.ts'
import { NameTakenError, PortTakenError } from '../../src/droplets/engine.ts'

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

  const called = (call: string, method: string) => {
    calls.push(call)
    const failure = failures.get(method)?.shift()
    if (failure) throw failure
  }
  const find = (id: string) => {
    const droplet = droplets.find(candidate => candidate.id === id)
    if (!droplet) throw new Error(`no droplet ${id}`)
    return droplet
  }

  const engine: DropletEngine = {
    async list() {
      called('list', 'list')
      return droplets.map(({ mark: _, ...droplet }) => droplet)
    },
    async prepare() {
      called('prepare', 'prepare')
    },
    async create(droplet: NewDroplet) {
      called(`create ${droplet.name}`, 'create')
      if (droplets.some(({ name }) => name === droplet.name)) throw new NameTakenError(undefined)
      authorizedKeys.push(droplet.authorizedKeys)
      const id = crypto.randomUUID().replaceAll('-', '').repeat(2)
      const bindings = droplet.ports.map(({ host, hostPort, dropletPort }) => [
        String(dropletPort),
        { type: 'tcp', from: { ip: host, port: hostPort } },
      ])
      droplets.unshift({
        id,
        name: droplet.name,
        createdAt: now(),
        status: 'Created',
        state: 'created',
        ports: Object.fromEntries(bindings),
        mark: droplet.mark,
      })
      return id
    },
    async start(id) {
      const droplet = find(id)
      called(`start ${droplet.name}`, 'start')
      if (Object.values(droplet.ports).some(({ from }) => takenPorts.has(from.port))) {
        throw new PortTakenError(undefined)
      }
      Object.assign(droplet, { state: 'running', status: 'Up Less than a second' })
    },
    async stop(id) {
      const droplet = find(id)
      called(`stop ${droplet.name}`, 'stop')
      Object.assign(droplet, { state: 'exited', status: 'Exited (0) Less than a second ago' })
    },
    async remove(id) {
      const droplet = find(id)
      called(`remove ${droplet.name}`, 'remove')
      droplets.splice(droplets.indexOf(droplet), 1)
    },
    async removeMarked(mark, answered) {
      called(answered ? 'removeMarked' : 'removeMarked of an unanswered create', 'removeMarked')
      const at = droplets.findIndex(droplet => droplet.mark === mark)
      if (at === -1) return false
      droplets.splice(at, 1)
      return true
    },
  }

  return {
    engine,
    droplets,
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
  }
}
