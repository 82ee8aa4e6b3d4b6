import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { tempDir } from '../temp-dir.ts'
import type { Disturbance } from './disturbances.ts'

/** A request to the engine, to the letter: nothing between the program and this resolves or decodes a path. */
export interface EngineRequest {
  method: string
  /** With version and query. */
  path: string
  /** The head without its `Connection`, and the body. */
  bytes: Buffer
}

interface Hold {
  matches: RegExp
  arrived: () => void
  released: Promise<void>
  answered: () => void
}

interface Disturbed {
  matches: RegExp
  answer: Disturbance
  passOn: boolean
}

/**
 * A socket in front of an engine that records every request and hands it on, one a connection. It can hold a request
 * back, and answer in the engine's place.
 */
export function createEngineProxy(socket: string) {
  const dir = tempDir()
  const path = join(dir.path, 'docker.sock')
  const requests: EngineRequest[] = []
  const holds: Hold[] = []
  const disturbances = new Set<Disturbed>()
  const connections = new Set<Socket>()

  const server = createServer(client => {
    remember(client)
    readRequest(client, request => void serve(request, client))
  }).listen(path)

  async function serve(request: EngineRequest, client: Socket): Promise<void> {
    requests.push(request)
    const line = `${request.method} ${request.path.split('?')[0]}`
    const disturbed = [...disturbances].find(({ matches }) => matches.test(line))
    if (disturbed) {
      if (disturbed.passOn) await new Promise<void>(done => handOn(request).resume().once('close', done))
      disturbed.answer(client)
      return
    }
    const at = holds.findIndex(({ matches }) => matches.test(line))
    const [hold] = at === -1 ? [] : holds.splice(at, 1)
    hold?.arrived()
    await hold?.released
    // The engine works on even if the one who asked is gone, as it does with what it has begun.
    const engine = handOn(request)
    if (hold) engine.once('data', hold.answered)
    engine.pipe(client)
    engine.once('error', () => client.destroy())
  }

  function handOn({ bytes }: EngineRequest): Socket {
    const engine = remember(connect(socket))
    engine.write(bytes)
    return engine
  }

  function remember(connection: Socket): Socket {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    // Who goes away in the middle is no matter of the proxy: what is written then is lost.
    connection.on('error', () => {})
    return connection
  }

  return {
    socket: path,
    /** All that came until now. */
    requests,
    /** Holds the next request back that matches `METHOD /path`, until it is released; then the engine answers it. */
    hold(matches: RegExp) {
      const arrived = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      const answered = Promise.withResolvers<void>()
      holds.push({ matches, arrived: arrived.resolve, released: released.promise, answered: answered.resolve })
      return { arrived: arrived.promise, release: released.resolve, answered: answered.promise }
    },
    /**
     * Answers every request that matches `METHOD /path` in the engine's place, until its scope ends.
     * @param options `passOn`: the engine does what it was asked for first, and what it answers is lost
     */
    disturb(matches: RegExp, answer: Disturbance, { passOn = false } = {}) {
      const disturbed = { matches, answer, passOn }
      disturbances.add(disturbed)
      return { [Symbol.dispose]: () => void disturbances.delete(disturbed) }
    },
    /** Cuts every connection that is open, as an engine that is restarted does; the next ones are served. */
    hangUp(): void {
      for (const connection of connections) connection.destroy()
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>(done => server.close(() => done()))
      for (const connection of connections) connection.destroy()
      await closed
      dir[Symbol.dispose]()
    },
  }
}

/** Calls back with the first request of a connection, once all of it is here. */
function readRequest(client: Socket, whole: (request: EngineRequest) => void): void {
  let received = Buffer.alloc(0)
  const more = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const end = received.indexOf('\r\n\r\n')
    if (end === -1) return
    const [requestLine = '', ...fields] = received.toString('latin1', 0, end).split('\r\n')
    const length = Number(/^content-length: *(\d+)$/im.exec(fields.join('\n'))?.[1] ?? 0)
    const body = received.subarray(end + 4)
    if (body.length < length) return
    client.off('data', more)
    // A socket that nobody reads never tells that the other side is gone.
    client.resume()
    const [method = '', path = ''] = requestLine.split(' ')
    const kept = fields.filter(field => !/^connection:/i.test(field))
    const head = [requestLine, ...kept, 'Connection: close', '', ''].join('\r\n')
    whole({ method, path, bytes: Buffer.concat([Buffer.from(head, 'latin1'), body]) })
  }
  client.on('data', more)
}
