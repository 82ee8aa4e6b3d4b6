import { createInterface } from 'node:readline'
import { addressOf, requestOf } from '../connection.ts'

// Many event stream subscribers in one process: `subscribers.ts URL COUNT NAME`, with the token as the first line of
// standard input. Prints `ready` when all are subscribed. For each further line it prints `ready` again, waits until
// every subscriber has received that the droplet NAME is stopped, and prints the times as a JSON array of ms since
// 1970. Subscribers that receive nothing within 5 s are missing in it.

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

/** Opens a stream and resolves with its first event; no later event is missed. */
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
      close: () => subscribed.reject(new Error(`the server closed a stream: ${text}`)),
    },
  })
  await subscribed.promise
}

function recordStop(index: number, events: string, now: number): void {
  if (!events.includes(STOPPED_STATUS) || !events.includes(`"name":"${name}"`) || receivedAt.has(index)) return
  receivedAt.set(index, now)
  if (receivedAt.size === subscriberCount) allReceived.resolve()
}
