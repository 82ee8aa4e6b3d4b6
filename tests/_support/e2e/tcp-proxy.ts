import { connect, createServer, type Socket } from 'node:net'

/** A way to a server that can break, and lead elsewhere later, under the same address. */
export async function createTcpProxy(target: string) {
  let to = new URL(target)
  let breaks: RegExp | undefined
  const broken: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(Number(to.port), to.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('data', data => {
      const [line = ''] = data.toString('latin1').split('\r\n')
      if (breaks?.test(line)) {
        breaks = undefined
        broken.push(data.toString('latin1'))
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
    broken,
    /** The answer to the next request whose first line matches is lost. */
    breakNext: (line: RegExp) => {
      breaks = line
    },
    leadTo: (url: string) => {
      to = new URL(url)
    },
    /** Cuts every connection that is open. */
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}
