import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy with a stable address that can drop connections and responses, and switch to another server. */
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
        // The server handles the request, but its response is dropped.
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
    /** The requests whose responses were dropped. */
    lostRequests,
    /** Drops the response to the next request whose first line matches. */
    loseNextResponse: (pattern: RegExp) => {
      lossPattern = pattern
    },
    redirectTo: (url: string) => {
      upstreamUrl = new URL(url)
    },
    /** Closes all open connections. */
    dropConnections: () => {
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}
