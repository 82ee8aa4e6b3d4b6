import type { SocketHandler } from 'bun'

export interface Address {
  hostname: string
  port: number
}

export type Connection = Awaited<ReturnType<typeof openConnection>>

interface ClientResponse {
  status: number
  /** The body, if it was not chunked. */
  text: () => string
}

/**
 * An HTTP/1.1 keep-alive connection over TCP or a unix socket, one request at a time: a cheap client that is the same
 * for both sides of a comparison.
 */
export async function openConnection(address: Address | { unix: string }) {
  let pendingResponse: PromiseWithResolvers<ClientResponse> | undefined
  const reader = createResponseReader()
  const fail = (error: Error) => {
    pendingResponse?.reject(error)
    pendingResponse = undefined
  }
  const handlers: SocketHandler = {
    data(_, chunk) {
      const response = reader.addChunk(chunk)
      if (!response) return
      const pending = pendingResponse
      pendingResponse = undefined
      pending?.resolve(response)
    },
    error: (_, error) => fail(error),
    close: () => fail(new Error('the connection was closed')),
  }
  const socket = await ('unix' in address
    ? Bun.connect({ ...address, socket: handlers })
    : Bun.connect({ ...address, socket: handlers }))
  return {
    /** @param request the bytes of a whole request, see `requestOf` */
    send(request: Buffer): Promise<ClientResponse> {
      pendingResponse = Promise.withResolvers<ClientResponse>()
      const { promise } = pendingResponse
      if (socket.write(request) !== request.length)
        fail(new Error('the socket did not accept the whole request at once'))
      return promise
    },
    [Symbol.dispose]: () => void socket.end(),
  }
}

export function requestOf(method: string, path: string, options: { token?: string; json?: unknown } = {}): Buffer {
  const { token, json } = options
  const body = json === undefined ? '' : JSON.stringify(json)
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(json === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** The address of a server and the path prefix of its routes. */
export function addressOf(url: string): { address: Address; path: string } {
  const { hostname, port, pathname } = new URL(url)
  return { address: { hostname, port: Number(port) }, path: pathname }
}

const HEAD_END = '\r\n\r\n'
const LAST_CHUNK = '0\r\n\r\n'

/** Assembles responses. Chunked bodies are awaited but not decoded. */
function createResponseReader() {
  let chunks: Buffer[] = []
  let received = 0
  let head: { status: number; bodyStart: number; length?: number } | undefined
  return {
    /** @returns undefined while the response is incomplete */
    addChunk(chunk: Buffer): ClientResponse | undefined {
      chunks.push(chunk)
      received += chunk.length
      if (!head) chunks = [Buffer.concat(chunks)]
      head ??= readHead(chunks[0] ?? chunk)
      if (!head || !isComplete(head)) return undefined
      const { status, bodyStart } = head
      const responseChunks = chunks
      chunks = []
      received = 0
      head = undefined
      return { status, text: () => Buffer.concat(responseChunks).toString('utf8', bodyStart) }
    },
  }

  function isComplete({ bodyStart, length }: NonNullable<typeof head>): boolean {
    if (length !== undefined) return received >= bodyStart + length
    if (received < bodyStart + LAST_CHUNK.length) return false
    const lastChunks = chunks.slice(-2).map(chunk => chunk.subarray(-LAST_CHUNK.length))
    return Buffer.concat(lastChunks).subarray(-LAST_CHUNK.length).equals(Buffer.from(LAST_CHUNK))
  }
}

function readHead(bytes: Buffer) {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return undefined
  const text = bytes.toString('latin1', 0, headEnd)
  const length = /^content-length: (\d+)/im.exec(text)?.[1]
  const status = Number(text.slice(9, 12))
  return { status, bodyStart: headEnd + HEAD_END.length, ...(length !== undefined && { length: Number(length) }) }
}
