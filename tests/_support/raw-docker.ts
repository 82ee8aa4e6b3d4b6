import { join } from 'node:path'
import { tempDir } from './temp-dir.ts'

/** What a connection gets: bytes to send, and whether it is closed then. */
export interface RawAnswer {
  bytes: string
  close: boolean
}

export const hangUp: RawAnswer = { bytes: '', close: true }
export const silence: RawAnswer = { bytes: '', close: false }

/** A whole answer of HTTP/1.1, after which the connection is closed. */
export function answerOf(status: string, body: string, length = Buffer.byteLength(body)): RawAnswer {
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`
  return { bytes: head + body, close: true }
}

/**
 * A socket on which everything can be said, HTTP or not. It says its version as an engine does; `answer` is what
 * follows on all else, or on
 * what begins with a request line.
 * @param drip bytes that are sent one by one, 200 ms apart, after `answer`
 */
export function createRawDocker(answer: RawAnswer | ((request: string) => RawAnswer), drip = '') {
  const dir = tempDir()
  const path = join(dir.path, 'docker.sock')
  const timers: ReturnType<typeof setInterval>[] = []
  const server = Bun.listen({
    unix: path,
    socket: {
      data(socket, data) {
        const request = data.toString()
        const asksVersion = request.startsWith('GET /version ')
        const said = typeof answer === 'function' ? answer(request) : answer
        const { bytes, close } = asksVersion ? answerOf('200 OK', '{"ApiVersion":"1.41"}') : said
        socket.write(bytes)
        if (close) socket.end()
        if (asksVersion || drip === '') return
        let sent = 0
        timers.push(setInterval(() => socket.write(drip[sent++ % drip.length] ?? ''), 200))
      },
    },
  })
  return {
    address: { kind: 'unix', path } as const,
    [Symbol.dispose]() {
      for (const timer of timers) clearInterval(timer)
      server.stop(true)
      dir[Symbol.dispose]()
    },
  }
}
