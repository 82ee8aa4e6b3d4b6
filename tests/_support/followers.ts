import { createEventHub } from '../../src/events/hub.ts'
import { createEventStreams } from '../../src/events/streams.ts'
import { createLog } from '../../src/log.ts'
import type { Group, User } from '../../src/store/users.ts'
import type { ReaderEnd } from '../../src/streams/reader.ts'

const BOOT = 'b007b007b007'

/** The id of the event with this number. */
export const idOf = (number: number) => `${BOOT}-${number}`

/** Streams over a hub, for sessions that begin and end by hand: each is of the user with its name, unless it is told whose it is. */
export function createTestStreams() {
  const hub = createEventHub(() => Uint8Array.fromHex(BOOT))
  const users = new Map<string, User>()
  const logged: string[] = []
  const log = createLog({ write: line => void logged.push(line), readable: false, now: () => 0 })
  const auth = { holderOf: (sessionId: string) => users.get(sessionId) }
  const streams = createEventStreams({ hub, auth, log })
  return {
    hub,
    streams,
    logged,
    auth,
    /** Begins a session, or puts its user into another group. */
    put: (name: string, group: Group, sessionId = name) =>
      users.set(sessionId, { id: `id-of-${name}`, username: name, group, createdAt: 0 }),
    endSession: (sessionId: string) => users.delete(sessionId),
    open(sessionId: string, lastEventId?: string) {
      const over = Promise.withResolvers<ReaderEnd>()
      const taker = createTaker(streams.open(sessionId, lastEventId, over.resolve))
      return { ...taker, over: over.promise }
    },
  }
}

/** Takes of a stream what is there, and never waits for more. */
export function createTaker(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let asked: Promise<string | undefined> | undefined

  const ask = () => reader.read().then(({ done, value }) => (done ? undefined : decoder.decode(value)))

  /** The next chunk; '' when there is none yet, undefined at the end. */
  async function next(): Promise<string | undefined> {
    asked ??= ask()
    const taken = await Promise.race([asked, new Promise<''>(resolve => setImmediate(resolve, ''))])
    if (taken !== '') asked = undefined
    return taken
  }

  return {
    /** What is there, at most so many chunks. */
    async take(most = Number.POSITIVE_INFINITY): Promise<string[]> {
      const chunks: string[] = []
      while (chunks.length < most) {
        const chunk = await next()
        if (chunk === undefined || chunk === '') break
        chunks.push(chunk)
      }
      return chunks
    },
    /** All that still comes, once the stream has been ended. */
    async rest(): Promise<string[]> {
      const chunks: string[] = []
      for (;;) {
        const chunk = await (asked ?? ask())
        asked = undefined
        if (chunk === undefined) return chunks
        chunks.push(chunk)
      }
    },
    leave: () => reader.cancel(),
  }
}
