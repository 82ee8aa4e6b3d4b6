import { createInterface } from 'node:readline'
import { placeOf, requestOf } from '../connection.ts'

// Many readers of the event stream, in a process of their own: `readers.ts URL COUNT NAME`, and the token as the first
// line of its standard input. Says `ready` when all of them read. For each further line it says `ready` once more, waits
// until every reader has heard that the droplet NAME is stopped, and prints when each did, as a JSON array of ms since
// 1970. Who has not heard of it within 5 s is missing there.

const PATIENCE_MS = 5_000
const OPENED_AT_ONCE = 50
const STOPPED = '"status":"Exited ('

const [url = '', count = '', name = ''] = process.argv.slice(2)
const readers = Number(count)
const { address, path } = placeOf(url)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const request = requestOf('GET', `${path}/event/stream`, { token: (await lines.next()).value ?? '' })

let heard = new Map<number, number>()
let complete = Promise.withResolvers<void>()

for (let opened = 0; opened < readers; opened += OPENED_AT_ONCE) {
  const batch = Array.from({ length: Math.min(OPENED_AT_ONCE, readers - opened) }, (_, index) => read(opened + index))
  await Promise.all(batch)
}
process.stdout.write('ready\n')

for await (const _ of lines) {
  heard = new Map()
  complete = Promise.withResolvers()
  process.stdout.write('ready\n')
  const limit = setTimeout(complete.resolve, PATIENCE_MS)
  await complete.promise
  clearTimeout(limit)
  process.stdout.write(`${JSON.stringify([...heard.values()])}\n`)
}
process.exit()

/** Opens a stream. Resolves with its first event: from then on it misses nothing. */
async function read(reader: number): Promise<void> {
  const begun = Promise.withResolvers<void>()
  let text = ''
  await Bun.connect({
    ...address,
    socket: {
      open: socket => void socket.write(request),
      data(_, piece) {
        const now = Date.now()
        text += piece.toString('latin1')
        if (/^HTTP\/1.1 (?!200)/.test(text)) begun.reject(new Error(text))
        const end = text.lastIndexOf('\n\n')
        if (end < 0) return
        hear(reader, text.slice(0, end), now)
        if (/^id:/m.test(text)) begun.resolve()
        text = text.slice(end)
      },
      close: () => begun.reject(new Error(`a stream was closed: ${text}`)),
    },
  })
  await begun.promise
}

function hear(reader: number, events: string, now: number): void {
  if (!events.includes(STOPPED) || !events.includes(`"name":"${name}"`) || heard.has(reader)) return
  heard.set(reader, now)
  if (heard.size === readers) complete.resolve()
}
