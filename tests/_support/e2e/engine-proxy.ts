import { join } from 'node:path'
import { tempDir } from '../temp-dir.ts'

/**
 * A socket in front of an engine that hands every request on, and can hold one back.
 */
export function createEngineProxy(socket: string) {
  const dir = tempDir()
  const path = join(dir.path, 'docker.sock')
  const holds: { matches: RegExp; arrived: () => void; released: Promise<void>; answered: () => void }[] = []
  const server = Bun.serve({
    unix: path,

    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const body = await request.bytes()
      const at = holds.findIndex(hold => hold.matches.test(`${request.method} ${pathname}`))
      const [hold] = at === -1 ? [] : holds.splice(at, 1)
      hold?.arrived()
      await hold?.released
      const type = request.headers.get('content-type') ?? 'application/json'
      const answer = await fetch(`http://localhost${pathname}${search}`, {
        unix: socket,
        method: request.method,
        headers: { 'content-type': type },
        ...(body.length > 0 && { body }),
      })
      hold?.answered()
      return answer
    },
  })
  return {
    socket: path,
    /** Holds the next request back that matches `METHOD /path`, until it is released; then the engine answers it. */
    hold(matches: RegExp) {
      const arrived = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      const answered = Promise.withResolvers<void>()
      holds.push({ matches, arrived: arrived.resolve, released: released.promise, answered: answered.resolve })
      return { arrived: arrived.promise, release: released.resolve, answered: answered.promise }
    },
    async [Symbol.asyncDispose]() {
      await server.stop(true)
      dir[Symbol.dispose]()
    },
  }
}
