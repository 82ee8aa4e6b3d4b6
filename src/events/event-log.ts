import { encodeSseEvent } from '../api/streams/sse-frame.ts'
import type { RandomBytes } from '../core/random.ts'

export type Topic = 'droplet' | 'engine' | 'operation' | 'user'

export interface LoggedEvent {
  topic: Topic
  /** The encoded frame, shared by all subscribers. */
  bytes: Uint8Array
}

const REPLAY_BUFFER_SIZE = 1_000
const EPOCH_BYTES = 6

export type EventLog = ReturnType<typeof createEventLog>

/**
 * Ordered event log with a replay buffer of the last 1,000 events. Ids are `<epoch>-<number>`; ids of an earlier process
 * have another epoch and are unknown.
 */
export function createEventLog(random: RandomBytes) {
  const epoch = random(EPOCH_BYTES).toHex()
  /** Oldest first; the newest has the number `lastSequence`. */
  const replayBuffer: LoggedEvent[] = []
  const listeners = new Set<(event: LoggedEvent) => void>()
  let lastSequence = 0

  return {
    /** @param data any JSON value */
    publish(topic: Topic, data: unknown): void {
      lastSequence += 1
      const event = { topic, bytes: encodeSseEvent(topic, data, lastId()) }
      replayBuffer.push(event)
      if (replayBuffer.length > REPLAY_BUFFER_SIZE) replayBuffer.shift()
      for (const listener of listeners) listener(event)
    },

    /** The id of the last event; before the first event, the id that precedes it. */
    lastId,

    /**
     * The events after this id, oldest first.
     * @returns undefined for an unknown id, or when some of them are no longer in the buffer
     */
    since(id: string): LoggedEvent[] | undefined {
      const sequence = sequenceOf(id)
      if (sequence === undefined || sequence > lastSequence || lastSequence - sequence > replayBuffer.length)
        return undefined
      return replayBuffer.slice(replayBuffer.length - (lastSequence - sequence))
    },

    listen: (listener: (event: LoggedEvent) => void): void => void listeners.add(listener),
  }

  function lastId(): string {
    return `${epoch}-${lastSequence}`
  }

  function sequenceOf(id: string): number | undefined {
    const [, idEpoch, digits] = /^([0-9a-f]+)-(0|[1-9][0-9]{0,14})$/.exec(id) ?? []
    return idEpoch === epoch ? Number(digits) : undefined
  }
}
