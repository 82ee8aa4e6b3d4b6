import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { ConnectionHandler } from '../docker/http-connection.ts'
import { tempDir } from '../temp-dir.ts'

/** A verbatim request to the engine: nothing between the program and the proxy resolves or decodes the path. */
interface EngineRequest {
  method: string
  /** Includes version and query. */
  path: string
  /** The head without its `Connection` field, and the body. */
  bytes: Buffer
}

interface Hold {
  pattern: RegExp
  onArrival: () => void
  released: Promise<void>
  onResponse: () => void
}

interface FaultRule {
  pattern: RegExp
  fault: ConnectionHandler
  forwardFirst: boolean
}

/**
 * A proxy in front of an engine's socket that records and forwards requests, one per connection. It can delay requests
 * and inject faults.
 */
export function createEngineProxy(socket: string) {
  const dir = tempDir()
  const path = join(dir.path, 'docker.sock')
  const requests: EngineRequest[] = []
  const holds: Hold[] = []
  const faultRules = new Set<FaultRule>()
  const connections = new Set<Socket>()

  const server = createServer(client => {
    trackSocket(client)
    readRequest(client, request => void handleRequest(request, client))
  }).listen(path)

  async function handleRequest(request: EngineRequest, client: Socket): Promise<void> {
    requests.push(request)
    const line = `${request.method} ${request.path.split('?')[0]}`
    const rule = [...faultRules].find(({ pattern }) => pattern.test(line))
    if (rule) {
      if (rule.forwardFirst) await new Promise<void>(resolve => forward(request).resume().once('close', resolve))
      rule.fault(client)
      return
    }
    const index = holds.findIndex(({ pattern }) => pattern.test(line))
    const [hold] = index === -1 ? [] : holds.splice(index, 1)
    hold?.onArrival()
    await hold?.released
    // Forwards the request even if the client is gone, since an engine completes what it has started.
    const upstream = forward(request)
    if (hold) upstream.once('data', hold.onResponse)
    upstream.pipe(client)
    upstream.once('error', () => client.destroy())
  }

  function forward({ bytes }: EngineRequest): Socket {
    const upstream = trackSocket(connect(socket))
    upstream.write(bytes)
    return upstream
  }

  function trackSocket(connection: Socket): Socket {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    // A peer may disconnect at any time; what is written then is lost.
    connection.on('error', () => {})
    return connection
  }

  return {
    socket: path,
    /** All requests so far. */
    requests,
    /** Delays the next request that matches `METHOD /path` until `release` is called. */
    hold(pattern: RegExp) {
      const arrived = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      const answered = Promise.withResolvers<void>()
      holds.push({ pattern, onArrival: arrived.resolve, released: released.promise, onResponse: answered.resolve })
      return { arrived: arrived.promise, release: released.resolve, answered: answered.promise }
    },
    /**
     * Answers every request that matches `METHOD /path` with a fault until the scope ends.
     * @param options `forwardFirst`: the engine handles the request first, and its response is dropped
     */
    injectFault(pattern: RegExp, fault: ConnectionHandler, { forwardFirst = false } = {}) {
      const rule = { pattern, fault, forwardFirst }
      faultRules.add(rule)
      return { [Symbol.dispose]: () => void faultRules.delete(rule) }
    },
    /** Closes all open connections, as a restarting engine does. New connections are served. */
    dropConnections(): void {
      for (const connection of connections) connection.destroy()
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      for (const connection of connections) connection.destroy()
      await closed
      dir[Symbol.dispose]()
    },
  }
}

/** Calls back with the first request of a connection once it is complete. */
function readRequest(client: Socket, onRequest: (request: EngineRequest) => void): void {
  let received = Buffer.alloc(0)
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const end = received.indexOf('\r\n\r\n')
    if (end === -1) return
    const [requestLine = '', ...fields] = received.toString('latin1', 0, end).split('\r\n')
    const length = Number(/^content-length: *(\d+)$/im.exec(fields.join('\n'))?.[1] ?? 0)
    const body = received.subarray(end + 4)
    if (body.length < length) return
    client.off('data', onData)
    // Without a reader, a socket never reports that the other side is gone.
    client.resume()
    const [method = '', path = ''] = requestLine.split(' ')
    const forwardedFields = fields.filter(field => !/^connection:/i.test(field))
    const head = [requestLine, ...forwardedFields, 'Connection: close', '', ''].join('\r\n')
    onRequest({ method, path, bytes: Buffer.concat([Buffer.from(head, 'latin1'), body]) })
  }
  client.on('data', onData)
}
