import { connect } from 'node:net'

/** Limit for a response or a close: longer than the server's own timeout for a body. */
const TIMEOUT_MS = 30_000

export interface RawResponse {
  status: number
  headers: Headers
  body: string
}

/** A connection that sends arbitrary bytes and collects the responses. */
export function openRawConnection(url: string) {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  let received: Buffer = Buffer.alloc(0)
  let closed = false
  const waiters: (() => void)[] = []
  const notify = () => {
    for (const resolve of waiters.splice(0)) resolve()
  }
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data])
    notify()
  })
  // A server that rejects a request may close before it has read everything; its response counts.
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
    notify()
  })

  const receivedResponses = () => parseResponses(received, closed)

  async function waitUntil(isReached: () => boolean): Promise<void> {
    const limit = Promise.withResolvers<'late'>()
    const timer = setTimeout(limit.resolve, TIMEOUT_MS, 'late')
    try {
      while (!isReached()) {
        const notified = new Promise<void>(resolve => waiters.push(resolve))
        if ((await Promise.race([notified, limit.promise])) !== 'late') continue
        throw new Error(`timed out; received so far: ${JSON.stringify(received.toString('latin1'))}`)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    send: (bytes: string | Buffer) => void socket.write(bytes),
    /** Half-closes the connection. */
    endWriting: () => void socket.end(),
    /** Waits for this many responses, or until the server closes the connection. */
    async waitForResponses(count: number): Promise<RawResponse[]> {
      await waitUntil(() => closed || receivedResponses().length >= count)
      return receivedResponses()
    },
    /** Waits until the server closes the connection. @returns all responses */
    async waitForClose(): Promise<RawResponse[]> {
      await waitUntil(() => closed)
      return receivedResponses()
    },
    get closed() {
      return closed
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/**
 * Parses the complete responses. A response without a length ends with the connection.
 * @throws Error for anything that is not HTTP/1.1
 */
function parseResponses(bytes: Buffer, isClosed: boolean): RawResponse[] {
  const responses: RawResponse[] = []
  let remaining = bytes
  for (;;) {
    const headEnd = remaining.indexOf('\r\n\r\n')
    if (headEnd === -1) break
    const [statusLine = '', ...lines] = remaining.subarray(0, headEnd).toString('latin1').split('\r\n')
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]
    if (!status) throw new Error(`not an HTTP response: ${JSON.stringify(remaining.toString('latin1'))}`)
    const headers = new Headers(
      lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    )
    remaining = remaining.subarray(headEnd + 4)
    if (status === '100') continue
    const contentLength = headers.get('content-length')
    if (contentLength === null && !isClosed) break
    const length = contentLength === null ? remaining.length : Number(contentLength)
    if (remaining.length < length) break
    responses.push({ status: Number(status), headers, body: remaining.subarray(0, length).toString() })
    remaining = remaining.subarray(length)
  }
  return responses
}
