import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { EngineAddress } from '../../../src/config/types.ts'
import { createGate } from '../gate.ts'
import { tempDir } from '../temp-dir.ts'
import { createContainers } from './containers.ts'
import { type HttpRequest, type Reply, serveConnection } from './http-connection.ts'
import { errorResponse } from './replies.ts'

export type FakeDocker = ReturnType<typeof createFakeDocker>

/** Gets the path without the version prefix. Undefined falls back to the normal response. */
export type Responder = (request: HttpRequest) => Reply | undefined | Promise<Reply | undefined>

/** Longer than any test holds a request. */
const MAX_HOLD_MS = 10 * 60_000

/**
 * A Docker Engine 20.10 with in-memory containers, on its own socket. Responses can be scripted, for behaviour that a
 * real engine does not show on demand.
 * @param respond scripted responses, which take precedence over the containers
 * @param options `transport`: the kind of socket
 */
export function createFakeDocker(
  respond: Responder = () => undefined,
  { transport = 'unix' }: { transport?: EngineAddress['kind'] } = {},
) {
  const dir = tempDir()
  const socketPath = join(dir.path, 'docker.sock')
  const requests: HttpRequest[] = []
  const overrides: { pattern: RegExp; respond: Responder }[] = []
  const gates = new Set<ReturnType<typeof createGate>>()
  const connections = new Set<Socket>()
  const containers = createContainers()

  const server = createServer(connection => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    serveConnection(connection, handleRequest)
  })
  if (transport === 'unix') server.listen(socketPath)
  else server.listen(0, '127.0.0.1')
  const bound = server.address()
  const origin = typeof bound === 'string' ? 'http://localhost' : `http://127.0.0.1:${bound?.port}`
  const address: EngineAddress = transport === 'unix' ? { kind: 'unix', path: socketPath } : { kind: 'tcp', origin }

  async function handleRequest(request: HttpRequest): Promise<Reply> {
    requests.push(request)
    const unversioned = { ...request, path: request.path.replace(/^\/v\d+\.\d+/, '') }
    const index = overrides.findIndex(({ pattern }) => pattern.test(`${unversioned.method} ${unversioned.path}`))
    const [override] = index === -1 ? [] : overrides.splice(index, 1)
    return (
      (await override?.respond(unversioned)) ??
      (await respond(unversioned)) ??
      containers.respond(unversioned) ??
      engineResponse(unversioned)
    )
  }

  /** Overrides the response to the next request that matches `METHOD /path?query`. */
  function respondNext(pattern: RegExp, responder: Responder): void {
    overrides.push({ pattern, respond: responder })
  }

  return {
    socket: socketPath,
    origin,
    address,
    /** All requests, including the version prefix. */
    requests,
    /** The requests, such as `GET /v1.41/info`, with decoded query parameters. */
    requestLines: () => requests.map(({ method, path }) => `${method} ${decodeURIComponent(path)}`),
    respondNext,
    /** Blocks the next request that matches `METHOD /path?query` until the gate is opened. */
    holdNext(pattern: RegExp) {
      const gate = createGate(MAX_HOLD_MS)
      gates.add(gate)
      respondNext(pattern, async () => {
        await gate.pass()
        return undefined
      })
      return gate
    },
    /** Removes unused overrides. */
    clearOverrides: () => void overrides.splice(0),
    /** Adds a running droplet. */
    addRunningDroplet: containers.addRunning,
    stateOf: containers.stateOf,
    async [Symbol.asyncDispose]() {
      for (const gate of gates) gate.open()
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      for (const connection of connections) connection.destroy()
      await closed
      dir[Symbol.dispose]()
    },
  }
}

/** Scripts every request except the negotiation of the API version. */
export function exceptVersion(respond: Responder): Responder {
  return request => (request.path === '/version' ? undefined : respond(request))
}

function engineResponse({ path }: HttpRequest): Response {
  if (path === '/version') return Response.json({ ApiVersion: '1.41', MinAPIVersion: '1.12' })
  if (path === '/info') {
    return Response.json({
      ServerVersion: '20.10.24',
      OSType: 'linux',
      CgroupVersion: '1',
      SecurityOptions: ['name=seccomp,profile=default'],
    })
  }
  return errorResponse(404, 'page not found')
}
