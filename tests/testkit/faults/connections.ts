import { connect, type Socket } from 'node:net'

/** TCP connections to a server that send so much and then nothing more, until the scope ends. */
export async function openConnections(url: string, count: number, bytes = '') {
  const sockets = await Promise.all(Array.from({ length: count }, () => openSocket(url)))
  for (const socket of sockets) {
    // What the server cuts is no matter here.
    socket.on('error', () => undefined)
    // An answer that nobody reads would hide the end of the connection.
    socket.resume()
    if (bytes) socket.write(bytes)
  }
  const close = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    /** How many of them the server closed. */
    closedCount: () => sockets.filter(({ closed: closedCount }) => closedCount).length,
    close,
    [Symbol.dispose]: close,
  }
}

/**
 * Sends `head` and then, once a second, `byte`.
 * @returns the milliseconds until the connection was closed
 */
export async function sendSlowly(url: string, head: string, byte: string): Promise<number> {
  const start = performance.now()
  const socket = await openSocket(url)
  const closed = new Promise(resolve => {
    for (const event of ['close', 'error']) socket.on(event, resolve)
  })
  // An answer that nobody reads would hide the end of the connection.
  socket.resume()
  socket.write(head)
  const timer = setInterval(() => socket.write(byte), 1_000)
  await closed
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
