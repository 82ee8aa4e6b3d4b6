import type { AuthService } from '../auth/service.ts'
import type { Log } from '../log.ts'
import type { Group, User } from '../store/users.ts'
import { createFollowers } from '../streams/followers.ts'
import { frame, RETRY } from '../streams/frame.ts'
import type { ReaderEnd } from '../streams/reader.ts'
import type { EventHub, Topic } from './hub.ts'

/** What each group would be shown by the lists. */
const topics: Record<Group, ReadonlySet<Topic>> = {
  viewer: new Set(['droplet', 'engine']),
  manager: new Set(['droplet', 'engine', 'operation']),
  owner: new Set(['droplet', 'engine', 'operation', 'user']),
}

export type EventStreams = ReturnType<typeof createEventStreams>

/** The streams of what happens: to each client what its group may see. */
export function createEventStreams(deps: { hub: EventHub; auth: Pick<AuthService, 'holderOf'>; log: Log }) {
  const { hub, auth, log } = deps
  // Without an id: who comes back asks who it is.
  const regrouped = ({ username, group }: User) => frame('me', { username, group })
  const followers = createFollowers({ auth, log, name: 'event stream', regrouped })
  hub.listen(({ topic, bytes }) => followers.tell(bytes, group => topics[group].has(topic)))

  return {
    ...followers,

    /**
     * Begins where the client left off: after the event with the id `lastEventId`, else with `begin`, or with `reset`
     * when what was missed since then is not known. None of it is lost or told twice.
     * @param over called when the stream is over
     * @throws ApiError as `Followers.open`
     */
    open(
      sessionId: string,
      lastEventId: string | undefined,
      over: (how: ReaderEnd) => void,
    ): ReadableStream<Uint8Array> {
      return followers.open(sessionId, user => beginningFor(user, lastEventId), over)
    },
  }

  function beginningFor(user: User, lastEventId: string | undefined): Uint8Array[] {
    const id = hub.now()
    if (lastEventId === undefined) return [RETRY, frame('begin', {}, id)]
    const missed = hub.since(lastEventId)
    if (!missed) return [RETRY, frame('reset', {}, id)]
    return [RETRY, ...missed.filter(({ topic }) => topics[user.group].has(topic)).map(({ bytes }) => bytes)]
  }
}
