import { connect, createServer, type Socket } from 'node:net'
import { encodeFrame } from './docker-engine.ts'

/**
 * A proxy for an engine that cannot upgrade connections. It answers the start of every program (`Upgrade: tcp`) itself:
 * the program prints an empty line and `done`, and exits.
 */
export function createExecUpgradeProxy(engineSocket: string) {
  const path = `${engineSocket}.front`
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    trackSocket(client)
    client.once('data', data => {
      if (/^POST \S+\/exec\/\w+\/start .*\bUpgrade: tcp\b/is.test(data.toString('latin1'))) {
        client.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
        client.end(encodeFrame('\ndone\n'))
        return
      }
      const engine = connect(engineSocket)
      trackSocket(engine)
      engine.write(data)
      client.pipe(engine).pipe(client)
      client.on('close', () => engine.destroy())
      engine.on('close', () => client.destroy())
    })
  })
  server.listen(path)

  function trackSocket(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  }

  return {
    path,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
