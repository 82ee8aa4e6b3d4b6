import { encodeSseEvent } from '../api/streams/sse-frame.ts'
import type { Audit } from '../audit/service.ts'
import type { AuthService } from '../auth/service.ts'
import { createIntervals } from '../core/intervals.ts'
import { describeError, type Log } from '../core/log.ts'
import type { RandomBytes } from '../core/random.ts'
import type { DropletInformer } from '../droplets/informer.ts'
import type { Operations } from '../droplets/operations/service.ts'
import { createUserChangeDetector } from '../users/change-detector.ts'
import type { UserService } from '../users/service.ts'
import { createEventLog, type Topic } from './event-log.ts'
import { createEventStreams } from './streams.ts'
import { toDropletEvent, toOperationEvent, toUserEvent } from './to-event.ts'

/** Polling interval for commits by other processes. */
const POLL_INTERVAL_MS = 250
const HEARTBEAT_INTERVAL_MS = 15_000

export type EventService = ReturnType<typeof createEventService>

/** Publishes changes of droplets, operations and users as events. */
export function createEventService(deps: {
  auth: Pick<AuthService, 'userOfSession'>
  audit: Pick<Audit, 'records'>
  users: Pick<UserService, 'list'>
  informer: Pick<DropletInformer, 'watch'>
  operations: Pick<Operations, 'watch'>
  /** The name by which clients reach the host. */
  domain: string
  now: () => number
  random: RandomBytes
  log: Log
}) {
  const { auth, audit, users, informer, operations, domain, now, random, log } = deps
  const eventLog = createEventLog(random)
  const streams = createEventStreams({ eventLog, auth, log })
  const publish = ({ topic, data }: { topic: Topic; data: unknown }) => eventLog.publish(topic, data)
  const userChangeDetector = createUserChangeDetector(users.list, change => publish(toUserEvent(change)))
  const unsubscribers = [
    informer.watch(change => publish(toDropletEvent(change, { now: now(), domain }))),
    operations.watch(operation => publish(toOperationEvent(operation))),
  ]
  /** The number of the last audit record that was broadcast. */
  let lastReportedRecord = latestRecordNumber()
  let isFailing = false
  const intervals = createIntervals(
    { run: poll, everyMs: POLL_INTERVAL_MS },
    { run: streams.heartbeat, everyMs: HEARTBEAT_INTERVAL_MS },
  )

  return {
    /** Polls users and sessions, and sends heartbeats, until `close`. */
    start: intervals.start,

    /** @param data any JSON value */
    publish: eventLog.publish,

    open: streams.open,
    count: streams.count,

    /** Checks users, sessions and the audit log now, instead of at the next interval. */
    poll,

    /** Ends all streams and unsubscribes. */
    close(): void {
      intervals.stop()
      for (const unsubscribe of unsubscribers) unsubscribe()
      streams.close()
    },
  }

  /**
   * Broadcast without an id and not logged: frequent logins would push everything else out of the replay buffer. A client
   * that reconnects reads the audit log again.
   */
  function pollAudit(): void {
    const last = latestRecordNumber()
    if (last === lastReportedRecord) return
    lastReportedRecord = last
    streams.broadcast(encodeSseEvent('audit', { last }), group => group === 'owner')
  }

  function latestRecordNumber(): number {
    return audit.records({ limit: 1 })[0]?.number ?? 0
  }

  function poll(): void {
    try {
      streams.checkSessions()
      pollAudit()
      userChangeDetector.poll()
      isFailing = false
    } catch (error) {
      // Logged once: it is retried four times a second.
      if (!isFailing) log.warn('users and sessions cannot be read', { error: describeError(error) })
      isFailing = true
    }
  }
}
