import type { AuthService } from '../auth/service.ts'
import { ApiError, catalogue } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Group, User } from '../store/users.ts'
import { type EventHub, frame, type HubEvent, type Topic } from './hub.ts'
import { createReader, type Reader, type ReaderEnd } from './reader.ts'

const STREAMS_PER_USER = 2_000
/** May wait for all clients together: those who come back may have missed much, each of them. */
const WAITING_BYTES = 64_000_000

/** What each group would be shown by the lists. */
const topics: Record<Group, ReadonlySet<Topic>> = {
  viewer: new Set(['droplet', 'engine']),
  manager: new Set(['droplet', 'engine', 'operation']),
  owner: new Set(['droplet', 'engine', 'operation', 'user']),
}

const encoder = new TextEncoder()
/** How long a client that lost its stream waits before it comes back, in milliseconds (WHATWG HTML section 9.2.6). */
const RETRY = encoder.encode('retry: 1000\n\n')
const HEARTBEAT = encoder.encode(':\n\n')
const { id: errorId, text: error } = catalogue.accessTokenUnknown
const END = frame('end', { error, errorId })

/** A stream, and for whom it is. */
interface Follower {
  reader: Reader
  userId: string
  username: string
  /** As its client was told last. */
  group: Group
  sessionId: string
}

export type EventStreams = ReturnType<typeof createEventStreams>

/** The streams of all clients: each is for a session, ends with it, and tells what its user may see at that moment. */
export function createEventStreams(deps: { hub: EventHub; auth: Pick<AuthService, 'holderOf'>; log: Log }) {
  const { hub, auth, log } = deps
  const followers = new Set<Follower>()
  /** By the id of a user. */
  const counts = new Map<string, number>()
  let closed = false
  hub.listen(event => {
    for (const follower of followers) tell(follower, event)
    relieve()
  })

  return {
    /**
     * Begins where the client left off: after the event with the id `lastEventId`, else with `begin`, or with `reset`
     * when what was missed since then is not known. None of it is lost or told twice.
     * @param over called when the stream is over
     * @throws ApiError 908 for a session that has ended, 928 for a user with 2,000 streams
     */
    open(
      sessionId: string,
      lastEventId: string | undefined,
      over: (how: ReaderEnd) => void,
    ): ReadableStream<Uint8Array> {
      const user = auth.holderOf(sessionId)
      if (!user) throw new ApiError('accessTokenUnknown')
      const { id: userId, username, group } = user
      const count = counts.get(userId) ?? 0
      if (count >= STREAMS_PER_USER) throw new ApiError('tooManyStreams')
      counts.set(userId, count + 1)
      const reader = createReader(beginningFor(user, lastEventId), how => {
        forget(follower)
        over(how)
      })
      const follower = { reader, userId, username, group, sessionId }
      followers.add(follower)
      if (closed) end(follower)
      else relieve()
      return reader.body
    },

    /** How many are open. */
    count: (): number => followers.size,

    /** Ends the streams whose session has ended, and tells who is in another group now. */
    look(): void {
      for (const follower of followers) holderOf(follower)
    },

    /** Something now and then, by which a client and what is between sees that the stream is alive. */
    beat(): void {
      for (const follower of followers) send(follower, HEARTBEAT)
    },

    /** Ends them all, and from now on each that is opened, at its beginning. */
    close(): void {
      closed = true
      for (const follower of followers) end(follower)
    },
  }

  function beginningFor(user: User, lastEventId: string | undefined): Uint8Array[] {
    const id = hub.now()
    if (lastEventId === undefined) return [RETRY, frame('begin', {}, id)]
    const missed = hub.since(lastEventId)
    if (!missed) return [RETRY, frame('reset', {}, id)]
    return [RETRY, ...missed.filter(({ topic }) => topics[user.group].has(topic)).map(({ bytes }) => bytes)]
  }

  function tell(follower: Follower, { topic, bytes }: HubEvent): void {
    const user = holderOf(follower)
    if (user && topics[user.group].has(topic)) send(follower, bytes)
  }

  function send({ reader, username }: Follower, bytes: Uint8Array): void {
    if (!reader.send(bytes)) tellDropped(username)
  }

  /** Drops those who are furthest behind, when too much waits for all together. */
  function relieve(): void {
    let waiting = 0
    for (const { reader } of followers) waiting += reader.waiting()
    if (waiting <= WAITING_BYTES) return
    const furthestFirst = [...followers]
      .map(follower => ({ follower, bytes: follower.reader.waiting() }))
      .sort((left, right) => right.bytes - left.bytes)
    for (const { follower, bytes } of furthestFirst) {
      if (waiting <= WAITING_BYTES) return
      follower.reader.cut()
      tellDropped(follower.username)
      waiting -= bytes
    }
  }

  function tellDropped(username: string): void {
    log.info('event stream dropped: its client does not read', { user: username })
  }

  /** The user of a stream as it is now; undefined when the session is over, and then the stream is, too. */
  function holderOf(follower: Follower): User | undefined {
    try {
      const user = auth.holderOf(follower.sessionId)
      if (!user) end(follower, END)
      else if (user.group !== follower.group) tellGroup(follower, user)
      return user
    } catch {
      // Of a store that cannot be read nobody knows; the client comes back, and is told then.
      follower.reader.cut()
      return undefined
    }
  }

  /** Without an id: who comes back asks who it is. */
  function tellGroup(follower: Follower, { username, group }: User): void {
    follower.group = group
    send(follower, frame('me', { username, group }))
  }

  function end(follower: Follower, last?: Uint8Array): void {
    forget(follower)
    follower.reader.end(last)
  }

  function forget(follower: Follower): void {
    if (!followers.delete(follower)) return
    const left = (counts.get(follower.userId) ?? 0) - 1
    if (left > 0) counts.set(follower.userId, left)
    else counts.delete(follower.userId)
  }
}
