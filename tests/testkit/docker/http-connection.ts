import type { Socket } from 'node:net'

export interface HttpRequest {
  method: string
  /** Includes the query. */
  path: string
  headers: Headers
  body: string
}

/** Takes over a connection after a request: for malformed responses, silence and upgrades. */
export type ConnectionHandler = (connection: Socket) => void

export type Reply = Response | ConnectionHandler

const HEAD_END = '\r\n\r\n'

/**
 * Serves HTTP/1.1 requests one after another, until a `ConnectionHandler` takes over the connection. Unlike `Bun.serve`
 * it can send bytes that are not HTTP. Requests with chunked bodies are not supported.
 */
export function serveConnection(connection: Socket, respond: (request: HttpRequest) => Promise<Reply>): void {
  let received: Buffer = Buffer.alloc(0)
  let isResponding = false
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    void serveNext()
  }
  connection.on('data', onData)
  // A client may disconnect at any time.
  connection.on('error', () => undefined)

  async function serveNext(): Promise<void> {
    const parsed = isResponding ? undefined : parseRequest(received)
    if (!parsed) return
    received = received.subarray(parsed.length)
    isResponding = true
    const reply = await respond(parsed.request)
    if (typeof reply === 'function') {
      connection.off('data', onData)
      if (received.byteLength > 0) connection.unshift(received)
      // Without a reader, a socket never reports that the client is gone.
      connection.resume()
      reply(connection)
      return
    }
    await writeResponse(connection, reply)
    isResponding = false
    void serveNext()
  }
}

/** @returns the first request and its length in bytes; undefined while it is incomplete */
function parseRequest(bytes: Buffer): { request: HttpRequest; length: number } | undefined {
  const headLength = bytes.indexOf(HEAD_END)
  if (headLength === -1) return undefined
  const [requestLine = '', ...fields] = bytes.toString('latin1', 0, headLength).split('\r\n')
  const headers = new Headers(fields.map(splitField))
  const bodyStart = headLength + HEAD_END.length
  const length = bodyStart + Number(headers.get('content-length') ?? 0)
  if (bytes.byteLength < length) return undefined
  const [method = '', path = ''] = requestLine.split(' ')
  return { request: { method, path, headers, body: bytes.toString('utf8', bodyStart, length) }, length }
}

function splitField(field: string): [name: string, value: string] {
  const colon = field.indexOf(':')
  return [field.slice(0, colon), field.slice(colon + 1).trim()]
}

/** Sends the head at once and the body in chunks, as fast as the client reads them. */
async function writeResponse(connection: Socket, response: Response): Promise<void> {
  const isBodiless = response.status === 204 || response.status === 304
  const framing = response.body ? ['Transfer-Encoding: chunked'] : isBodiless ? [] : ['Content-Length: 0']
  const fields = [...response.headers].map(([name, value]) => `${name}: ${value}`)
  const statusLine = `HTTP/1.1 ${response.status} ${response.statusText || 'Status'}`
  connection.write([statusLine, ...fields, ...framing].join('\r\n') + HEAD_END)
  if (!response.body) return
  const reader = response.body.getReader()
  const cancel = () => void reader.cancel()
  connection.once('close', cancel)
  for (;;) {
    const { done, value } = await reader.read()
    if (connection.destroyed) return
    if (done) break
    const chunk = Buffer.from(value)
    // An empty chunk would end the body.
    if (chunk.byteLength === 0) continue
    connection.write(`${chunk.byteLength.toString(16)}\r\n`)
    connection.write(chunk)
    if (!connection.write('\r\n')) await drained(connection)
  }
  connection.off('close', cancel)
  connection.write('0\r\n\r\n')
}

/** Resolves when everything is sent or the client is gone. */
async function drained(connection: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  connection.on('drain', resolve).on('close', resolve)
  await promise
  connection.off('drain', resolve).off('close', resolve)
}
