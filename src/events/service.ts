import type { Audit } from '../audit/service.ts'
import type { AuthService } from '../auth/service.ts'
import type { LiveDroplets } from '../droplets/live.ts'
import { describeError, type Log } from '../log.ts'
import type { Operations } from '../operations/service.ts'
import type { RandomBytes } from '../store/key-file.ts'
import { frame } from '../streams/frame.ts'
import type { UserService } from '../users/service.ts'
import { createUserWatch } from '../users/watch.ts'
import { createEventHub, type Topic } from './hub.ts'
import { toDropletEvent, toOperationEvent, toUserEvent } from './model.ts'
import { createEventStreams } from './streams.ts'

/** So soon is seen what was committed, by a command on the host, too. */
const LOOK_EVERY_MS = 250
const BEAT_EVERY_MS = 15_000

export type EventService = ReturnType<typeof createEventService>

/** What happens to droplets, operations and users, for those who follow it. */
export function createEventService(deps: {
  auth: Pick<AuthService, 'holderOf'>
  audit: Pick<Audit, 'records'>
  users: Pick<UserService, 'list'>
  live: Pick<LiveDroplets, 'watch'>
  operations: Pick<Operations, 'watch'>
  /** By which clients reach the host. */
  domain: string
  now: () => number
  random: RandomBytes
  log: Log
}) {
  const { auth, audit, users, live, operations, domain, now, random, log } = deps
  const hub = createEventHub(random)
  const streams = createEventStreams({ hub, auth, log })
  const publish = ({ topic, data }: { topic: Topic; data: unknown }) => hub.publish(topic, data)
  const userWatch = createUserWatch(users.list, change => publish(toUserEvent(change)))
  const unwatch = [
    live.watch(change => publish(toDropletEvent(change, { now: now(), domain }))),
    operations.watch(operation => publish(toOperationEvent(operation))),
  ]
  /** The number of the record that was told of last. */
  let audited = lastRecord()
  let failed = false
  const timers = [setInterval(look, LOOK_EVERY_MS), setInterval(streams.beat, BEAT_EVERY_MS)]
  for (const timer of timers) timer.unref()

  return {
    /** @param data any value of JSON */
    publish: hub.publish,

    /** As the streams do. */
    open: streams.open,
    count: streams.count,

    /** Looks at once at what is looked at now and then: users and sessions. */
    look,

    /** Ends all streams, and hears of nothing any more. */
    close(): void {
      timers.forEach(clearInterval)
      for (const end of unwatch) end()
      streams.close()
    },
  }

  /**
   * Told without an id, and not kept: a Matrix on which many log in would push out all that is. Who comes back reads the
   * audit anew.
   */
  function lookAtAudit(): void {
    const last = lastRecord()
    if (last === audited) return
    audited = last
    streams.tell(frame('audit', { last }), group => group === 'owner')
  }

  function lastRecord(): number {
    return audit.records({ limit: 1 })[0]?.number ?? 0
  }

  function look(): void {
    try {
      streams.look()
      lookAtAudit()
      userWatch.look()
      failed = false
    } catch (error) {
      // Told once: it is tried again four times a second.
      if (!failed) log.warn('users and sessions cannot be looked at', { error: describeError(error) })
      failed = true
    }
  }
}
