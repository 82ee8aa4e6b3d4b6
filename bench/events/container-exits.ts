import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

/** Exit times of a container by the engine's own events (`GET /events`). */
export async function watchContainerExits(socket: string, name: string) {
  const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['die'], container: [name] }))
  const abort = new AbortController()
  const response = await fetch(`http://localhost/events?filters=${filters}`, {
    unix: socket,
    timeout: false,
    signal: abort.signal,
  })
  if (!response.ok || !response.body) throw new Error(`cannot read the engine's events: ${response.status}`)
  const lines = createInterface({ input: Readable.fromWeb(response.body) })[Symbol.asyncIterator]()
  return {
    /** @returns ms since 1970 */
    async nextExit(): Promise<number> {
      const line: string = (await lines.next()).value ?? ''
      const { timeNano }: { timeNano: number } = JSON.parse(line)
      return timeNano / 1e6
    },
    [Symbol.dispose]: () => abort.abort(),
  }
}
