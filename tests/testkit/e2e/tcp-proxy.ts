import { connect, createServer, type Socket } from 'node:net'

/** A way to a server that can break, and lead elsewhere later, under the same address. */
export async function createTcpProxy(target: string) {
  let upstreamUrl = new URL(target)
  let lossPattern: RegExp | undefined
  const lostRequests: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(Number(upstreamUrl.port), upstreamUrl.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('data', data => {
      const [requestLine = ''] = data.toString('latin1').split('\r\n')
      if (lossPattern?.test(requestLine)) {
        lossPattern = undefined
        lostRequests.push(data.toString('latin1'))
        // The server does what it is asked for, and its answer is lost.
        upstream.unpipe(client)
        upstream.once('data', () => client.destroy()).resume()
      }
      upstream.write(data)
    })
    upstream.pipe(client)
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    /** The requests whose answers were lost. */
    lostRequests,
    /** The answer to the next request whose first line matches is lost. */
    loseNextResponse: (pattern: RegExp) => {
      lossPattern = pattern
    },
    redirectTo: (url: string) => {
      upstreamUrl = new URL(url)
    },
    /** Cuts every connection that is open. */
    dropConnections: () => {
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}
