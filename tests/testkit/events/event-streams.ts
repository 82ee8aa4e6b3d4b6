import type { StreamEnd } from '../../../src/api/streams/subscriber-stream.ts'
import type { Group } from '../../../src/core/groups.ts'
import { createLog } from '../../../src/core/log.ts'
import { createEventLog } from '../../../src/events/event-log.ts'
import { createEventStreams } from '../../../src/events/streams.ts'
import type { User } from '../../../src/store/users.ts'

const EPOCH = 'b007b007b007'

/** The id of the event with this number. */
export const eventIdOf = (number: number) => `${EPOCH}-${number}`

/** Event streams over an event log, with sessions that tests start and end. A session id is its username by default. */
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
    /** Starts a session, or changes the group of its user. */
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

/** Reads a stream without waiting for data that is not there yet. */
export function createStreamReader(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let pendingRead: Promise<string | undefined> | undefined

  const startRead = () => reader.read().then(({ done, value }) => (done ? undefined : decoder.decode(value)))

  /** The next chunk; '' if there is none yet, undefined at the end. */
  async function nextChunk(): Promise<string | undefined> {
    pendingRead ??= startRead()
    const chunk = await Promise.race([pendingRead, new Promise<''>(resolve => setImmediate(resolve, ''))])
    if (chunk !== '') pendingRead = undefined
    return chunk
  }

  return {
    /** The chunks that are available now. */
    async readAvailable(maxChunks = Number.POSITIVE_INFINITY): Promise<string[]> {
      const chunks: string[] = []
      while (chunks.length < maxChunks) {
        const chunk = await nextChunk()
        if (chunk === undefined || chunk === '') break
        chunks.push(chunk)
      }
      return chunks
    },
    /** Waits for the end of the stream. @returns the remaining chunks */
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
