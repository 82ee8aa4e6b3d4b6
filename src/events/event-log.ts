import { encodeSseEvent } from '../api/streams/sse-frame.ts'
import type { RandomBytes } from '../core/random.ts'

export type Topic = 'droplet' | 'engine' | 'operation' | 'user'

export interface LoggedEvent {
  topic: Topic
  /** As it goes to every reader: made once, however many there are. */
  bytes: Uint8Array
}

const REPLAY_BUFFER_SIZE = 1_000
const EPOCH_BYTES = 6

export type EventLog = ReturnType<typeof createEventLog>

/**
 * What happens, in one order, with the last 1,000 of it kept for those who come back. The ids are `<boot>-<number>`:
 * those of an earlier process are none of ours.
 */
export function createEventLog(random: RandomBytes) {
  const epoch = random(EPOCH_BYTES).toHex()
  /** Oldest first; the newest one has the number `last`. */
  const replayBuffer: LoggedEvent[] = []
  const listeners = new Set<(event: LoggedEvent) => void>()
  let lastSequence = 0

  return {
    /** @param data any value of JSON */
    publish(topic: Topic, data: unknown): void {
      lastSequence += 1
      const event = { topic, bytes: encodeSseEvent(topic, data, lastId()) }
      replayBuffer.push(event)
      if (replayBuffer.length > REPLAY_BUFFER_SIZE) replayBuffer.shift()
      for (const listener of listeners) listener(event)
    },

    /** The id of what was published last, or of the beginning before that. */
    lastId,

    /**
     * All that was published after this id, oldest first. What follows goes to the listeners.
     * @returns undefined for an id that is none of ours, and when not all of it is kept any more
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
