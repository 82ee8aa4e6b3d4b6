import { encodeSseEvent, RETRY_FRAME } from '../api/streams/sse-frame.ts'
import type { StreamEnd } from '../api/streams/subscriber-stream.ts'
import { createBroadcaster } from '../api/streams/subscribers.ts'
import type { AuthService } from '../auth/service.ts'
import type { Group } from '../core/groups.ts'
import type { Log } from '../core/log.ts'
import type { User } from '../store/users.ts'
import type { EventLog, Topic } from './event-log.ts'

/** The topics that each group may see, as in the lists. */
const visibleTopics: Record<Group, ReadonlySet<Topic>> = {
  viewer: new Set(['droplet', 'engine']),
  manager: new Set(['droplet', 'engine', 'operation']),
  owner: new Set(['droplet', 'engine', 'operation', 'user']),
}

/** Event streams, filtered by each client's group. */
export function createEventStreams(deps: { eventLog: EventLog; auth: Pick<AuthService, 'userOfSession'>; log: Log }) {
  const { eventLog, auth, log } = deps
  // Without an id, because a client that reconnects requests its group anyway.
  const onGroupChange = ({ username, group }: User) => encodeSseEvent('me', { username, group })
  const broadcaster = createBroadcaster({ auth, log, name: 'event stream', onGroupChange })
  eventLog.listen(({ topic, bytes }) => broadcaster.broadcast(bytes, group => visibleTopics[group].has(topic)))

  return {
    ...broadcaster,

    /**
     * Continues after `lastEventId`, without loss or duplicates. Starts with `begin` if there is none, and with `reset` if
     * the missed events are no longer known.
     * @param onEnd called when the stream has ended
     * @throws ApiError as `Broadcaster.open`
     */
    open(
      sessionId: string,
      lastEventId: string | undefined,
      onEnd: (reason: StreamEnd) => void,
    ): ReadableStream<Uint8Array> {
      return broadcaster.open(sessionId, user => initialFrames(user, lastEventId), onEnd)
    },
  }

  function initialFrames(user: User, lastEventId: string | undefined): Uint8Array[] {
    const id = eventLog.lastId()
    if (lastEventId === undefined) return [RETRY_FRAME, encodeSseEvent('begin', {}, id)]
    const missed = eventLog.since(lastEventId)
    if (!missed) return [RETRY_FRAME, encodeSseEvent('reset', {}, id)]
    return [
      RETRY_FRAME,
      ...missed.filter(({ topic }) => visibleTopics[user.group].has(topic)).map(({ bytes }) => bytes),
    ]
  }
}
