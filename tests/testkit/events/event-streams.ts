import type { StreamEnd } from '../../../src/api/streams/subscriber-stream.ts'
import type { Group } from '../../../src/core/groups.ts'
import { createLog } from '../../../src/core/log.ts'
import { createEventLog } from '../../../src/events/event-log.ts'
import { createEventStreams } from '../../../src/events/streams.ts'
import type { User } from '../../../src/store/users.ts'

const EPOCH = 'b007b007b007'

/** The id of the event with this number. */
export const eventIdOf = (number: number) => `${EPOCH}-${number}`

/** Streams over a hub, for sessions that begin and end by hand: each is of the user with its name, unless it is told whose it is. */
export function createTestStreams() {
  const eventLog = createEventLog(() => Uint8Array.fromHex(EPOCH))
  const users = new Map<string, User>()
  const logLines: string[] = []
  const log = createLog({ write: line => void logLines.push(line), readable: false, now: () => 0 })
  const auth = { userOfSession: (sessionId: string) => users.get(sessionId) }
  const streams = createEventStreams({ eventLog, auth, log })
  return {
    eventLog,
    streams,
    logLines,
    auth,
    /** Begins a session, or puts its user into another group. */
    setUser: (username: string, group: Group, sessionId = username) =>
      users.set(sessionId, { id: `id-of-${username}`, username, group, createdAt: 0 }),
    endSession: (sessionId: string) => users.delete(sessionId),
    open(sessionId: string, lastEventId?: string) {
      const closed = Promise.withResolvers<StreamEnd>()
      const reader = createStreamReader(streams.open(sessionId, lastEventId, closed.resolve))
      return { ...reader, closed: closed.promise }
    },
  }
}

/** Takes of a stream what is there, and never waits for more. */
export function createStreamReader(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let pendingRead: Promise<string | undefined> | undefined

  const startRead = () => reader.read().then(({ done, value }) => (done ? undefined : decoder.decode(value)))

  /** The next chunk; '' when there is none yet, undefined at the end. */
  async function nextChunk(): Promise<string | undefined> {
    pendingRead ??= startRead()
    const chunk = await Promise.race([pendingRead, new Promise<''>(resolve => setImmediate(resolve, ''))])
    if (chunk !== '') pendingRead = undefined
    return chunk
  }

  return {
    /** What is there, at most so many chunks. */
    async readAvailable(maxChunks = Number.POSITIVE_INFINITY): Promise<string[]> {
      const chunks: string[] = []
      while (chunks.length < maxChunks) {
        const chunk = await nextChunk()
        if (chunk === undefined || chunk === '') break
        chunks.push(chunk)
      }
      return chunks
    },
    /** All that still comes, once the stream has been ended. */
    async readToEnd(): Promise<string[]> {
      const chunks: string[] = []
      for (;;) {
        const chunk = await (pendingRead ?? startRead())
        pendingRead = undefined
        if (chunk === undefined) return chunks
        chunks.push(chunk)
      }
    },
    cancel: () => reader.cancel(),
  }
}
