import { connect } from 'node:net'

/** How long an answer or the end of a connection may take: longer than the server waits for a body. */
const LIMIT_MS = 30_000

export interface RawAnswer {
  status: number
  headers: Headers
  body: string
}

export type RawConnection = ReturnType<typeof openRaw>

/** A connection on which everything can be sent, HTTP or not, and of which every answer is kept. */
export function openRaw(url: string) {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  let received: Buffer = Buffer.alloc(0)
  let closed = false
  const waiting: (() => void)[] = []
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data])
    wake()
  })
  // A server that refuses may be gone before it has read all: what it said then is what counts.
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
    wake()
  })

  const answers = () => parseAnswers(received, closed)

  async function until(reached: () => boolean): Promise<void> {
    const limit = Promise.withResolvers<'late'>()
    const timer = setTimeout(limit.resolve, LIMIT_MS, 'late')
    try {
      while (!reached()) {
        const woken = new Promise<void>(resolve => waiting.push(resolve))
        if ((await Promise.race([woken, limit.promise])) !== 'late') continue
        throw new Error(`not in time, and until then: ${JSON.stringify(received.toString('latin1'))}`)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    send: (bytes: string | Buffer) => void socket.write(bytes),
    /** Says that nothing more will come. */
    finish: () => void socket.end(),
    /** Waits until so many answers are there, or the server has closed the connection. */
    async answers(count: number): Promise<RawAnswer[]> {
      await until(() => closed || answers().length >= count)
      return answers()
    },
    /** Waits until the server has closed the connection. @returns all that it answered */
    async toItsEnd(): Promise<RawAnswer[]> {
      await until(() => closed)
      return answers()
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
function parseAnswers(bytes: Buffer, ended: boolean): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = bytes
  for (;;) {
    const headEnds = rest.indexOf('\r\n\r\n')
    if (headEnds === -1) break
    const [first = '', ...lines] = rest.subarray(0, headEnds).toString('latin1').split('\r\n')
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]
    if (!status) throw new Error(`no answer: ${JSON.stringify(rest.toString('latin1'))}`)
    const headers = new Headers(
      lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    )
    rest = rest.subarray(headEnds + 4)
    if (status === '100') continue
    const announced = headers.get('content-length')
    if (announced === null && !ended) break
    const length = announced === null ? rest.length : Number(announced)
    if (rest.length < length) break
    answers.push({ status: Number(status), headers, body: rest.subarray(0, length).toString() })
    rest = rest.subarray(length)
  }
  return answers
}
