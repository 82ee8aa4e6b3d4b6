import type { ConnectionHandler } from './http-connection.ts'

// Responses of an engine, and what a broken engine or proxy sends instead.

/** An error response of the engine. */
export function errorResponse(status: number, message: string): Response {
  return Response.json({ message }, { status })
}

/** A frame of Docker's multiplexed stream: stream number, length, payload. */
export function encodeFrame(text: string, stream = 1): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return new Uint8Array(Buffer.concat([header, Buffer.from(text)]))
}

/** Upgrades the connection (`Upgrade: tcp`) and sends the output of a program that has exited. */
export const upgradeWithOutput =
  (text: string): ConnectionHandler =>
  connection => {
    connection.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
    connection.end(encodeFrame(text))
  }

/** Sends bytes that need not be HTTP, and closes the connection. */
export const sendBytes =
  (bytes: string | Uint8Array): ConnectionHandler =>
  connection =>
    void connection.end(bytes)

/**
 * A JSON response, after which the connection is closed.
 * @param length the announced length; if it is wrong, the response is malformed
 */
export function rawResponse(status: string, body: string, length?: number): ConnectionHandler {
  return sendBytes(rawHead(status, length ?? Buffer.byteLength(body)) + body)
}

/** A response that stops after its first bytes, on a connection that stays open. */
export const stall =
  (body: string, length: number): ConnectionHandler =>
  connection =>
    void connection.write(rawHead('200 OK', length) + body)

/** A response that continues with a space per interval. */
export const trickle =
  (body: string, length: number, intervalMs: number): ConnectionHandler =>
  connection => {
    stall(body, length)(connection)
    const timer = setInterval(() => connection.write(' '), intervalMs)
    connection.once('close', () => clearInterval(timer))
  }

export const closeConnection: ConnectionHandler = connection => void connection.end()
export const neverRespond: ConnectionHandler = () => undefined

/** The head of a response whose connection is closed after it. */
export function rawHead(status: string, length: number): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`
}
