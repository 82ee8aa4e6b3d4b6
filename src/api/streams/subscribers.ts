import type { AuthService } from '../../auth/service.ts'
import { ApiError, catalogue } from '../../core/errors.ts'
import type { Group } from '../../core/groups.ts'
import type { Log } from '../../core/log.ts'
import type { User } from '../../store/users.ts'
import { encodeSseEvent, HEARTBEAT_FRAME } from './sse-frame.ts'
import { createSubscriberStream, type StreamEnd, type SubscriberStream } from './subscriber-stream.ts'

const MAX_STREAMS_PER_USER = 2_000
/** Unread data of all clients together: each reconnecting client may have missed many events. */
const MAX_BUFFERED_BYTES = 64_000_000

const { id: errorId, text: error } = catalogue.accessTokenUnknown
const END_FRAME = encodeSseEvent('end', { error, errorId })

interface Subscriber {
  stream: SubscriberStream
  userId: string
  username: string
  /** The group the client was last informed of. */
  group: Group
  sessionId: string
}

export type Broadcaster = ReturnType<typeof createBroadcaster>

/**
 * Streams of one kind. Each belongs to a session, ends with it, and carries only events that its user may see.
 * @param name kind of stream, for the log
 * @param onGroupChange the frame for a user whose group has changed
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
     * @param onEnd called once, when the stream has ended
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

    /** Number of streams. */
    count: (): number => subscribers.size,

    broadcast(bytes: Uint8Array, isVisibleTo: (group: Group) => boolean): void {
      for (const subscriber of subscribers) {
        const user = activeUserOf(subscriber)
        if (user && isVisibleTo(user.group)) send(subscriber, bytes)
      }
      shedLoad()
    },

    /** Ends the streams of ended sessions and reports changed groups. */
    checkSessions(): void {
      for (const subscriber of subscribers) activeUserOf(subscriber)
    },

    /** Shows clients and proxies that the streams are alive. */
    heartbeat(): void {
      for (const subscriber of subscribers) send(subscriber, HEARTBEAT_FRAME)
    },

    /** Ends all streams, and any that is opened later. */
    close(): void {
      closed = true
      for (const subscriber of subscribers) endStream(subscriber)
    },
  }

  function send({ stream, username }: Subscriber, bytes: Uint8Array): void {
    if (!stream.send(bytes)) logDropped(username)
  }

  /** Drops the streams with the most unread data while the total is above the limit. */
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

  /** The current user of a stream; undefined, with the stream ended, if the session has ended. */
  function activeUserOf(subscriber: Subscriber): User | undefined {
    try {
      const user = auth.userOfSession(subscriber.sessionId)
      if (!user) endStream(subscriber, END_FRAME)
      else if (user.group !== subscriber.group) updateGroup(subscriber, user)
      return user
    } catch {
      // If the store is unreadable, the session cannot be verified; fail closed. The client reconnects.
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
