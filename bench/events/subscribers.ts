import { createInterface } from 'node:readline'
import { addressOf, requestOf } from '../connection.ts'

// Many readers of the event stream, in a process of their own: `readers.ts URL COUNT NAME`, and the token as the first
// line of its standard input. Says `ready` when all of them read. For each further line it says `ready` once more, waits
// until every reader has heard that the droplet NAME is stopped, and prints when each did, as a JSON array of ms since
// 1970. Who has not heard of it within 5 s is missing there.

const RECEIVE_TIMEOUT_MS = 5_000
const OPEN_BATCH_SIZE = 50
const STOPPED_STATUS = '"status":"Exited ('

const [url = '', count = '', name = ''] = process.argv.slice(2)
const subscriberCount = Number(count)
const { address, path } = addressOf(url)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const request = requestOf('GET', `${path}/event/stream`, { token: (await lines.next()).value ?? '' })

let receivedAt = new Map<number, number>()
let allReceived = Promise.withResolvers<void>()

for (let openedCount = 0; openedCount < subscriberCount; openedCount += OPEN_BATCH_SIZE) {
  const batch = Array.from({ length: Math.min(OPEN_BATCH_SIZE, subscriberCount - openedCount) }, (_, index) =>
    subscribe(openedCount + index),
  )
  await Promise.all(batch)
}
process.stdout.write('ready\n')

for await (const _ of lines) {
  receivedAt = new Map()
  allReceived = Promise.withResolvers()
  process.stdout.write('ready\n')
  const timer = setTimeout(allReceived.resolve, RECEIVE_TIMEOUT_MS)
  await allReceived.promise
  clearTimeout(timer)
  process.stdout.write(`${JSON.stringify([...receivedAt.values()])}\n`)
}
process.exit()

/** Opens a stream. Resolves with its first event: from then on it misses nothing. */
async function subscribe(index: number): Promise<void> {
  const subscribed = Promise.withResolvers<void>()
  let text = ''
  await Bun.connect({
    ...address,
    socket: {
      open: socket => void socket.write(request),
      data(_, chunk) {
        const now = Date.now()
        text += chunk.toString('latin1')
        if (/^HTTP\/1.1 (?!200)/.test(text)) subscribed.reject(new Error(text))
        const lastEventEnd = text.lastIndexOf('\n\n')
        if (lastEventEnd < 0) return
        recordStop(index, text.slice(0, lastEventEnd), now)
        if (/^id:/m.test(text)) subscribed.resolve()
        text = text.slice(lastEventEnd)
      },
      close: () => subscribed.reject(new Error(`a stream was closed: ${text}`)),
    },
  })
  await subscribed.promise
}

function recordStop(index: number, events: string, now: number): void {
  if (!events.includes(STOPPED_STATUS) || !events.includes(`"name":"${name}"`) || receivedAt.has(index)) return
  receivedAt.set(index, now)
  if (receivedAt.size === subscriberCount) allReceived.resolve()
}
