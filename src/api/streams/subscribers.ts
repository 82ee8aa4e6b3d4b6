import type { AuthService } from '../../auth/service.ts'
import { ApiError, catalogue } from '../../core/errors.ts'
import type { Group } from '../../core/groups.ts'
import type { Log } from '../../core/log.ts'
import type { User } from '../../store/users.ts'
import { encodeSseEvent, HEARTBEAT_FRAME } from './sse-frame.ts'
import { createSubscriberStream, type StreamEnd, type SubscriberStream } from './subscriber-stream.ts'

const MAX_STREAMS_PER_USER = 2_000
/** May wait for all clients together: those who come back may have missed much, each of them. */
const MAX_BUFFERED_BYTES = 64_000_000

const { id: errorId, text: error } = catalogue.accessTokenUnknown
const END_FRAME = encodeSseEvent('end', { error, errorId })

/** A stream, and for whom it is. */
interface Subscriber {
  stream: SubscriberStream
  userId: string
  username: string
  /** As its client was told last. */
  group: Group
  sessionId: string
}

export type Broadcaster = ReturnType<typeof createBroadcaster>

/**
 * Those who follow one thing: each stream is for a session, ends with it, and tells what its user may see at that moment.
 * @param name of what is followed, for the log
 * @param regrouped what is told to somebody who is in another group from now on
 */
export function createBroadcaster(deps: {
  auth: Pick<AuthService, 'userOfSession'>
  log: Log
  name: string
  onGroupChange?: (user: User) => Uint8Array
}) {
  const { auth, log, name, onGroupChange } = deps
  const subscribers = new Set<Subscriber>()
  /** By the id of a user. */
  const streamCounts = new Map<string, number>()
  let closed = false

  return {
    /**
     * @param initialFrames what the stream begins with, for this user
     * @param onEnd called when the stream is over
     * @throws ApiError 908 for a session that has ended, 928 for a user with 2,000 streams
     */
    open(
      sessionId: string,
      initialFrames: (user: User) => Uint8Array[],
      onEnd: (reason: StreamEnd) => void,
    ): ReadableStream<Uint8Array> {
      const user = auth.userOfSession(sessionId)
      if (!user) throw new ApiError('accessTokenUnknown')
      const { id: userId, username, group } = user
      const count = streamCounts.get(userId) ?? 0
      if (count >= MAX_STREAMS_PER_USER) throw new ApiError('tooManyStreams')
      streamCounts.set(userId, count + 1)
      const stream = createSubscriberStream(initialFrames(user), reason => {
        remove(subscriber)
        onEnd(reason)
      })
      const subscriber = { stream, userId, username, group, sessionId }
      subscribers.add(subscriber)
      if (closed) endStream(subscriber)
      else shedLoad()
      return stream.body
    },

    /** How many there are. */
    count: (): number => subscribers.size,

    /** @param isVisibleTo whether somebody of this group is told */
    broadcast(bytes: Uint8Array, isVisibleTo: (group: Group) => boolean): void {
      for (const subscriber of subscribers) {
        const user = activeUserOf(subscriber)
        if (user && isVisibleTo(user.group)) send(subscriber, bytes)
      }
      shedLoad()
    },

    /** Ends the streams whose session has ended, and tells who is in another group now. */
    checkSessions(): void {
      for (const subscriber of subscribers) activeUserOf(subscriber)
    },

    /** Something now and then, by which a client and what is between sees that the stream is alive. */
    heartbeat(): void {
      for (const subscriber of subscribers) send(subscriber, HEARTBEAT_FRAME)
    },

    /** Ends them all, and from now on each that is opened, at its beginning. */
    close(): void {
      closed = true
      for (const subscriber of subscribers) endStream(subscriber)
    },
  }

  function send({ stream, username }: Subscriber, bytes: Uint8Array): void {
    if (!stream.send(bytes)) logDropped(username)
  }

  /** Drops those who are furthest behind, when too much waits for all together. */
  function shedLoad(): void {
    let totalBytes = 0
    for (const { stream } of subscribers) totalBytes += stream.bufferedBytes()
    if (totalBytes <= MAX_BUFFERED_BYTES) return
    const largestFirst = [...subscribers]
      .map(subscriber => ({ subscriber, bytes: subscriber.stream.bufferedBytes() }))
      .sort((left, right) => right.bytes - left.bytes)
    for (const { subscriber, bytes } of largestFirst) {
      if (totalBytes <= MAX_BUFFERED_BYTES) return
      subscriber.stream.drop()
      logDropped(subscriber.username)
      totalBytes -= bytes
    }
  }

  function logDropped(username: string): void {
    log.info(`${name} dropped: its client does not read`, { user: username })
  }

  /** The user of a stream as it is now; undefined when the session is over, and then the stream is, too. */
  function activeUserOf(subscriber: Subscriber): User | undefined {
    try {
      const user = auth.userOfSession(subscriber.sessionId)
      if (!user) endStream(subscriber, END_FRAME)
      else if (user.group !== subscriber.group) updateGroup(subscriber, user)
      return user
    } catch {
      // Of a store that cannot be read nobody knows; the client comes back, and is told then.
      subscriber.stream.drop()
      return undefined
    }
  }

  function updateGroup(subscriber: Subscriber, user: User): void {
    subscriber.group = user.group
    if (onGroupChange) send(subscriber, onGroupChange(user))
  }

  function endStream(subscriber: Subscriber, lastFrame?: Uint8Array): void {
    remove(subscriber)
    subscriber.stream.end(lastFrame)
  }

  function remove(subscriber: Subscriber): void {
    if (!subscribers.delete(subscriber)) return
    const remaining = (streamCounts.get(subscriber.userId) ?? 0) - 1
    if (remaining > 0) streamCounts.set(subscriber.userId, remaining)
    else streamCounts.delete(subscriber.userId)
  }
}
