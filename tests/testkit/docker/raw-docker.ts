import { join } from 'node:path'
import { tempDir } from '../temp-dir.ts'

/** Bytes to send on a connection, and whether to close it afterwards. */
export interface RawResponse {
  bytes: string
  close: boolean
}

export const closeConnection: RawResponse = { bytes: '', close: true }
export const noResponse: RawResponse = { bytes: '', close: false }

/** A complete HTTP/1.1 response, after which the connection is closed. */
export function rawResponse(status: string, body: string, length = Buffer.byteLength(body)): RawResponse {
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`
  return { bytes: head + body, close: true }
}

/**
 * A socket that answers version requests as an engine does and everything else with raw bytes.
 * @param trickle bytes that are sent one by one, 200 ms apart, after the response
 */
export function createRawDocker(response: RawResponse | ((request: string) => RawResponse), trickle = '') {
  const dir = tempDir()
  const path = join(dir.path, 'docker.sock')
  const timers: ReturnType<typeof setInterval>[] = []
  const server = Bun.listen({
    unix: path,
    socket: {
      data(socket, data) {
        const request = data.toString()
        const isVersionRequest = request.startsWith('GET /version ')
        const reply = typeof response === 'function' ? response(request) : response
        const { bytes, close } = isVersionRequest ? rawResponse('200 OK', '{"ApiVersion":"1.41"}') : reply
        socket.write(bytes)
        if (close) socket.end()
        if (isVersionRequest || trickle === '') return
        let sentBytes = 0
        timers.push(setInterval(() => socket.write(trickle[sentBytes++ % trickle.length] ?? ''), 200))
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
