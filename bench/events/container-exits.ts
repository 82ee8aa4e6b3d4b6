import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

/** When a container ended, by what the engine itself says (`GET /events`). */
export async function watchContainerExits(socket: string, name: string) {
  const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['die'], container: [name] }))
  const abort = new AbortController()
  const response = await fetch(`http://localhost/events?filters=${filters}`, {
    unix: socket,
    timeout: false,
    signal: abort.signal,
  })
  if (!response.ok || !response.body) throw new Error(`the engine tells no events: ${response.status}`)
  const lines = createInterface({ input: Readable.fromWeb(response.body) })[Symbol.asyncIterator]()
  return {
    /** @returns the time of the next end, in ms since 1970 */
    async nextExit(): Promise<number> {
      const line: string = (await lines.next()).value ?? ''
      return JSON.parse(line).timeNano / 1e6
    },
    [Symbol.dispose]: () => abort.abort(),
  }
}
