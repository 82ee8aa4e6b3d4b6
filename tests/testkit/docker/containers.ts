import { containerDetails, containerEntry, containerStats, NEVER_TIME } from './bodies.ts'
import type { HttpRequest, Reply } from './http-connection.ts'
import { encodeFrame, errorResponse, upgradeWithOutput } from './replies.ts'

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
 * In-memory containers that can be listed, created, started, stopped and removed. Nothing runs in them: probes fail, and
 * every command prints `done` and exits.
 */
export function createContainers() {
  /** Newest first. */
  const containers: Container[] = []
  const listeners = new Set<(line: string) => void>()

  function respond({ method, path, headers, body }: HttpRequest): Reply | undefined {
    const { pathname, searchParams } = new URL(path, 'http://localhost')
    if (pathname.startsWith('/images/')) return Response.json({ Id: 'sha256:0' })
    if (/^\/exec\/\w+\/json$/.test(pathname)) return Response.json({ Running: false, ExitCode: 0 })
    if (/^\/exec\/\w+\/start$/.test(pathname) && headers.get('upgrade') === 'tcp') return upgradeWithOutput('\ndone\n')
    if (pathname === '/events') return events()
    if (pathname === '/containers/json') return Response.json(list(searchParams.get('filters') ?? '{}'))
    if (pathname === '/containers/create') return create(searchParams.get('name') ?? '', body)
    const [, id = '', action = ''] = /^\/containers\/([^/]+)\/?(.*)$/.exec(pathname) ?? []
    const container = containers.find(candidate => candidate.id === id)
    if (id === '') return undefined
    if (!container) return errorResponse(404, `No such container: ${id}`)
    if (action === 'json') return Response.json(toDetails(container))
    if (method === 'DELETE') containers.splice(containers.indexOf(container), 1)
    else if (action === 'start') start(container)
    else if (action === 'stop') Object.assign(container, { state: 'exited', finishedAt: new Date().toISOString() })
    else if (action === 'archive') return new Response(null, { status: 200 })
    else if (action === 'stats') return Response.json(containerStats(container.state === 'running'))
    else if (action === 'logs') return new Response(encodeFrame('Welcome\n'))
    // Only the execs of commands, not those of probes, have this variable.
    else if (action === 'exec' && body.includes('CIKIT_API_EXEC')) return Response.json({ Id: id }, { status: 201 })
    else return undefined
    emitUpdate(container)
    return new Response(null, { status: 204 })
  }

  /** `GET /events`, until the client disconnects. */
  function events(): Response {
    let listener: (line: string) => void = () => undefined
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        listener = line => controller.enqueue(new TextEncoder().encode(line))
        listeners.add(listener)
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
      return errorResponse(409, `Conflict. The container name "/${name}" is already in use`)
    }
    const { Hostname, Image, Labels, HostConfig } = JSON.parse(body)
    const { id } = add({ name, hostname: Hostname, image: Image, labels: Labels, bindings: HostConfig.PortBindings })
    return Response.json({ Id: id, Warnings: [] }, { status: 201 })
  }

  function add(settings: Pick<Container, 'name' | 'hostname' | 'image' | 'labels' | 'bindings'>): Container {
    const container: Container = {
      ...settings,
      id: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex'),
      state: 'created',
      created: Math.floor(Date.now() / 1000),
      startedAt: NEVER_TIME,
      finishedAt: NEVER_TIME,
    }
    containers.unshift(container)
    emitUpdate(container)
    return container
  }

  function list(filters: string) {
    const { name, label }: { name?: string[]; label?: string[] } = JSON.parse(filters)
    return containers
      .filter(container => name?.every(pattern => new RegExp(pattern).test(`/${container.name}`)) ?? true)
      .filter(({ labels }) => {
        const labelPairs = Object.entries(labels).map(pair => pair.join('='))
        return label?.every(requested => labelPairs.includes(requested)) ?? true
      })
      .map(toEntry)
  }

  return {
    respond,
    /** Adds a running droplet. */
    addRunning: (name: string) =>
      start(add({ name, hostname: name, image: 'br0ken/ubuntu-systemd', labels: {}, bindings: {} })),
    stateOf: (name: string) => containers.find(container => container.name === name)?.state,
  }
}

function start(container: Container): void {
  Object.assign(container, { state: 'running', startedAt: new Date().toISOString() })
}

function toDetails({ id, name, hostname, image, labels, state, created, startedAt, finishedAt, bindings }: Container) {
  return containerDetails(
    {
      Id: id,
      Name: `/${name}`,
      Created: new Date(created * 1000).toISOString(),
      Config: { Hostname: hostname, Domainname: '', Image: image, Labels: labels },
      NetworkSettings: { Ports: state === 'running' ? bindings : {} },
    },
    { Status: state, Running: state === 'running', StartedAt: startedAt, FinishedAt: finishedAt },
  )
}

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
  return containerEntry({
    Id: id,
    Names: [`/${name}`],
    Image: image,
    Created: created,
    State: state,
    Status: status[state],
    Ports: state === 'running' ? publishedPorts : [],
    Labels: labels,
  })
}
