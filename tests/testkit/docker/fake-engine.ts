import { encodeFrame } from './docker-engine.ts'
import { createExecUpgradeProxy } from './exec-upgrade-proxy.ts'
import { createFakeDocker, type DockerRequest } from './fake-docker.ts'

export type FakeEngine = ReturnType<typeof createFakeEngine>

/** Replaces a response; undefined means the normal one, delayed until then. */
type ResponseOverride = () => Response | undefined | Promise<Response | undefined>

interface Container {
  id: string
  name: string
  hostname: string
  image: string
  labels: Record<string, string>
  state: 'created' | 'running' | 'exited'
  /** Seconds since 1970. */
  created: number
  startedAt: string
  finishedAt: string
  bindings: Record<string, { HostIp: string; HostPort: string }[]>
}

/**
 * An in-memory Docker Engine on its own socket: containers can be listed, created, started, stopped and removed, but
 * nothing runs in them. For tests of the whole program that need no real engine.
 */
export function createFakeEngine() {
  /** Newest first. */
  const containers: Container[] = []
  const listeners = new Set<(line: string) => void>()
  const overrides: { pattern: RegExp; respond: ResponseOverride }[] = []

  const docker = createFakeDocker(async request => {
    const index = overrides.findIndex(({ pattern }) => pattern.test(`${request.method} ${request.path}`))
    const [override] = index === -1 ? [] : overrides.splice(index, 1)
    return (await override?.respond()) ?? respondTo(request)
  })

  function respondTo({ method, path, body }: DockerRequest): Response | undefined {
    const { pathname, searchParams } = new URL(path, 'http://localhost')
    if (pathname.startsWith('/images/')) return Response.json({ Id: 'sha256:0' })
    if (/^\/exec\/\w+\/json$/.test(pathname)) return Response.json({ Running: false, ExitCode: 0 })
    if (pathname === '/events') return events()
    if (pathname === '/containers/json') return Response.json(listContainers(searchParams.get('filters') ?? '{}'))
    if (pathname === '/containers/create') return create(searchParams.get('name') ?? '', body)
    const [, id = '', action = ''] = /^\/containers\/([^/]+)\/?(.*)$/.exec(pathname) ?? []
    const container = containers.find(candidate => candidate.id === id)
    if (id === '') return undefined
    if (!container) return Response.json({ message: `No such container: ${id}` }, { status: 404 })
    if (action === 'json') return Response.json(toDetails(container))
    if (method === 'DELETE') containers.splice(containers.indexOf(container), 1)
    else if (action === 'start') Object.assign(container, { state: 'running', startedAt: new Date().toISOString() })
    else if (action === 'stop') Object.assign(container, { state: 'exited', finishedAt: new Date().toISOString() })
    else if (action === 'archive') return new Response(null, { status: 200 })
    else if (action === 'stats') return Response.json(toStats(container))
    else if (action === 'logs') return new Response(encodeFrame('Welcome\n'))
    // Probes fail, since nothing runs in the containers; commands succeed.
    else if (action === 'exec' && body.includes('CIKIT_API_EXEC')) return Response.json({ Id: id }, { status: 201 })
    else return undefined
    emitUpdate(container)
    return new Response(null, { status: 204 })
  }

  /** `GET /events`, until the client goes. */
  function events(): Response {
    let listener: (line: string) => void = () => undefined
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        listener = line => controller.enqueue(new TextEncoder().encode(line))
        listeners.add(listener)
        // Like Docker, sends the response head at once.
        listener('\n')
      },
      cancel: () => void listeners.delete(listener),
    })
    return new Response(body, { headers: { 'content-type': 'application/json' } })
  }

  function emitUpdate({ id, name }: Container): void {
    const line = JSON.stringify({ Type: 'container', Action: 'update', Actor: { ID: id, Attributes: { name } } })
    for (const listener of listeners) listener(`${line}\n`)
  }

  function create(name: string, body: string): Response {
    if (containers.some(container => container.name === name)) {
      return Response.json({ message: `Conflict. The container name "/${name}" is already in use` }, { status: 409 })
    }
    const { Hostname, Image, Labels, HostConfig } = JSON.parse(body)
    const id = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')
    const created = Math.floor(Date.now() / 1000)
    const container: Container = {
      id,
      name,
      hostname: Hostname,
      image: Image,
      labels: Labels,
      state: 'created',
      created,
      startedAt: NEVER_TIME,
      finishedAt: NEVER_TIME,
      bindings: HostConfig.PortBindings,
    }
    containers.unshift(container)
    emitUpdate(container)
    return Response.json({ Id: id, Warnings: [] }, { status: 201 })
  }

  function listContainers(filters: string) {
    const { name, label }: { name?: string[]; label?: string[] } = JSON.parse(filters)
    return containers
      .filter(container => name?.every(pattern => new RegExp(pattern).test(`/${container.name}`)) ?? true)
      .filter(({ labels }) => {
        const labelPairs = Object.entries(labels).map(pair => pair.join('='))
        return label?.every(requested => labelPairs.includes(requested)) ?? true
      })
      .map(toEntry)
  }

  const execProxy = createExecUpgradeProxy(docker.address.path)

  return {
    socket: execProxy.path,
    requests: docker.requests,
    /** Overrides the response to the next request that matches `METHOD /path?query`. */
    respondNext: (pattern: RegExp, respond: ResponseOverride) => void overrides.push({ pattern, respond }),
    /** Adds a running droplet. */
    addRunningDroplet(name: string): void {
      const settings = { Hostname: name, Image: 'br0ken/ubuntu-systemd', Labels: {}, HostConfig: { PortBindings: {} } }
      create(name, JSON.stringify(settings))
      Object.assign(containers[0] ?? {}, { state: 'running', startedAt: new Date().toISOString() })
    },
    stateOf: (name: string) => containers.find(container => container.name === name)?.state,
    /** Removes unused overrides. */
    clearOverrides: () => void overrides.splice(0),
    async [Symbol.asyncDispose]() {
      execProxy[Symbol.dispose]()
      await docker[Symbol.asyncDispose]()
    },
  }
}

/** As many entries as Docker sends, for a realistic response size. */
const MEMORY_STATS = Object.fromEntries(
  Array.from({ length: 36 }, (_, index) => [`kind_of_memory_${index}`, index * 4_096]),
)

const NEVER_TIME = '0001-01-01T00:00:00Z'

/** `GET /containers/ID/stats` with half a core in use. */
function toStats({ state }: Container) {
  const isStopped = state !== 'running'
  return {
    read: isStopped ? NEVER_TIME : new Date().toISOString(),
    cpu_stats: { cpu_usage: { total_usage: Date.now() * 500_000 } },
    memory_stats: isStopped ? {} : { usage: 64 * 1024 * 1024, limit: 8 * 1024 ** 3, stats: MEMORY_STATS },
    blkio_stats: { io_service_bytes_recursive: [{ major: 8, minor: 0, op: 'read', value: 4096 }] },
    networks: { eth0: { rx_bytes: 4_711, rx_packets: 47, tx_bytes: 1_147, tx_packets: 11 } },
    pids_stats: { current: 12, limit: 28_000 },
  }
}

/** `GET /containers/ID/json`. */
function toDetails({ id, name, hostname, image, state, created, startedAt, finishedAt, bindings }: Container) {
  return {
    Id: id,
    Name: `/${name}`,
    Created: new Date(created * 1000).toISOString(),
    State: { Status: state, ExitCode: 0, StartedAt: startedAt, FinishedAt: finishedAt },
    Config: { Hostname: hostname, Domainname: '', Image: image },
    NetworkSettings: { Ports: state === 'running' ? bindings : {} },
  }
}

/** An entry of `GET /containers/json`. */
function toEntry({ id, name, image, labels, state, created, bindings }: Container) {
  const publishedPorts = Object.entries(bindings).flatMap(([port, hostBindings]) =>
    hostBindings.map(({ HostIp, HostPort }) => ({
      IP: HostIp,
      PrivatePort: Number.parseInt(port, 10),
      PublicPort: Number(HostPort),
      Type: 'tcp',
    })),
  )
  const status = { created: 'Created', running: 'Up Less than a second', exited: 'Exited (0) Less than a second ago' }
  return {
    Id: id,
    Names: [`/${name}`],
    Image: image,
    Created: created,
    State: state,
    Status: status[state],
    Ports: state === 'running' ? publishedPorts : [],
    Labels: labels,
  }
}
