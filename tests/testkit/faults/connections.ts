import { connect, type Socket } from 'node:net'
import { withTimeout } from '../../../src/core/timeout.ts'

const SLOW_CLIENT_TIMEOUT_MS = 60_000

/** Opens TCP connections that send the given bytes and then stay silent until the scope ends. */
export async function openConnections(url: string, count: number, bytes = '') {
  const sockets = await Promise.all(Array.from({ length: count }, () => openSocket(url)))
  for (const socket of sockets) {
    // The server may reset a connection.
    socket.on('error', () => undefined)
    // An unread response would hide the end of the connection.
    socket.resume()
    if (bytes) socket.write(bytes)
  }
  const close = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    /** How many connections the server has closed. */
    closedCount: () => sockets.filter(({ closed }) => closed).length,
    close,
    [Symbol.dispose]: close,
  }
}

/**
 * Sends `head`, and then `byte` once a second.
 * @returns the milliseconds until the server closed the connection, at most about `SLOW_CLIENT_TIMEOUT_MS`
 */
export async function sendSlowly(url: string, head: string, byte: string): Promise<number> {
  const start = performance.now()
  const socket = await openSocket(url)
  const closed = new Promise(resolve => {
    for (const event of ['close', 'error']) socket.on(event, resolve)
  })
  // An unread response would hide the end of the connection.
  socket.resume()
  socket.write(head)
  const timer = setInterval(() => socket.write(byte), 1_000)
  await withTimeout(closed, SLOW_CLIENT_TIMEOUT_MS)
  clearInterval(timer)
  socket.destroy()
  return performance.now() - start
}

function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const socket = connect(Number(port), hostname)
  socket.on('connect', () => resolve(socket))
  socket.on('error', reject)
  return promise
}
