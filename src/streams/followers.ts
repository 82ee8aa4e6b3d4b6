import type { AuthService } from '../auth/service.ts'
import { ApiError, catalogue } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Group, User } from '../store/users.ts'
import { frame, HEARTBEAT } from './frame.ts'
import { createReader, type Reader, type ReaderEnd } from './reader.ts'

const STREAMS_PER_USER = 2_000
/** May wait for all clients together: those who come back may have missed much, each of them. */
const WAITING_BYTES = 64_000_000

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

export type Followers = ReturnType<typeof createFollowers>

/**
 * Those who follow one thing: each stream is for a session, ends with it, and tells what its user may see at that moment.
 * @param name of what is followed, for the log
 * @param regrouped what is told to somebody who is in another group from now on
 */
export function createFollowers(deps: {
  auth: Pick<AuthService, 'holderOf'>
  log: Log
  name: string
  regrouped?: (user: User) => Uint8Array
}) {
  const { auth, log, name, regrouped } = deps
  const followers = new Set<Follower>()
  /** By the id of a user. */
  const counts = new Map<string, number>()
  let closed = false

  return {
    /**
     * @param beginning what the stream begins with, for this user
     * @param over called when the stream is over
     * @throws ApiError 908 for a session that has ended, 928 for a user with 2,000 streams
     */
    open(
      sessionId: string,
      beginning: (user: User) => Uint8Array[],
      over: (how: ReaderEnd) => void,
    ): ReadableStream<Uint8Array> {
      const user = auth.holderOf(sessionId)
      if (!user) throw new ApiError('accessTokenUnknown')
      const { id: userId, username, group } = user
      const count = counts.get(userId) ?? 0
      if (count >= STREAMS_PER_USER) throw new ApiError('tooManyStreams')
      counts.set(userId, count + 1)
      const reader = createReader(beginning(user), how => {
        forget(follower)
        over(how)
      })
      const follower = { reader, userId, username, group, sessionId }
      followers.add(follower)
      if (closed) end(follower)
      else relieve()
      return reader.body
    },

    /** How many there are. */
    count: (): number => followers.size,

    /** @param may whether somebody of this group is told */
    tell(bytes: Uint8Array, may: (group: Group) => boolean): void {
      for (const follower of followers) {
        const user = holderOf(follower)
        if (user && may(user.group)) send(follower, bytes)
      }
      relieve()
    },

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
    log.info(`${name} dropped: its client does not read`, { user: username })
  }

  /** The user of a stream as it is now; undefined when the session is over, and then the stream is, too. */
  function holderOf(follower: Follower): User | undefined {
    try {
      const user = auth.holderOf(follower.sessionId)
      if (!user) end(follower, END)
      else if (user.group !== follower.group) regroup(follower, user)
      return user
    } catch {
      // Of a store that cannot be read nobody knows; the client comes back, and is told then.
      follower.reader.cut()
      return undefined
    }
  }

  function regroup(follower: Follower, user: User): void {
    follower.group = user.group
    if (regrouped) send(follower, regrouped(user))
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
