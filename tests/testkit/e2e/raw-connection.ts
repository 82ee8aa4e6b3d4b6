import { connect } from 'node:net'

/** How long an answer or the end of a connection may take: longer than the server waits for a body. */
const TIMEOUT_MS = 30_000

export interface RawResponse {
  status: number
  headers: Headers
  body: string
}

export type RawConnection = ReturnType<typeof openRawConnection>

/** A connection on which everything can be sent, HTTP or not, and of which every answer is kept. */
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
  // A server that refuses may be gone before it has read all: what it said then is what counts.
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
        throw new Error(`not in time, and until then: ${JSON.stringify(received.toString('latin1'))}`)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    send: (bytes: string | Buffer) => void socket.write(bytes),
    /** Says that nothing more will come. */
    endWriting: () => void socket.end(),
    /** Waits until so many answers are there, or the server has closed the connection. */
    async waitForResponses(count: number): Promise<RawResponse[]> {
      await waitUntil(() => closed || receivedResponses().length >= count)
      return receivedResponses()
    },
    /** Waits until the server has closed the connection. @returns all that it answered */
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
 * The answers that have come whole. One without a length lasts until the connection ends.
 * @throws Error for what is no answer of HTTP/1.1
 */
function parseResponses(bytes: Buffer, isClosed: boolean): RawResponse[] {
  const responses: RawResponse[] = []
  let remaining = bytes
  for (;;) {
    const headEnd = remaining.indexOf('\r\n\r\n')
    if (headEnd === -1) break
    const [statusLine = '', ...lines] = remaining.subarray(0, headEnd).toString('latin1').split('\r\n')
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]
    if (!status) throw new Error(`no answer: ${JSON.stringify(remaining.toString('latin1'))}`)
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
