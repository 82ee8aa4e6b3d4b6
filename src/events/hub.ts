import type { RandomBytes } from '../store/key-file.ts'
import { frame } from '../streams/frame.ts'

export type Topic = 'droplet' | 'engine' | 'operation' | 'user'

export interface HubEvent {
  topic: Topic
  /** As it goes to every reader: made once, however many there are. */
  bytes: Uint8Array
}

const KEPT = 1_000
const BOOT_BYTES = 6

export type EventHub = ReturnType<typeof createEventHub>

/**
 * What happens, in one order, with the last 1,000 of it kept for those who come back. The ids are `<boot>-<number>`:
 * those of an earlier process are none of ours.
 */
export function createEventHub(random: RandomBytes) {
  const boot = random(BOOT_BYTES).toHex()
  /** Oldest first; the newest one has the number `last`. */
  const kept: HubEvent[] = []
  const listeners = new Set<(event: HubEvent) => void>()
  let last = 0

  return {
    /** @param data any value of JSON */
    publish(topic: Topic, data: unknown): void {
      last += 1
      const event = { topic, bytes: frame(topic, data, now()) }
      kept.push(event)
      if (kept.length > KEPT) kept.shift()
      for (const listener of listeners) listener(event)
    },

    /** The id of what was published last, or of the beginning before that. */
    now,

    /**
     * All that was published after this id, oldest first. What follows goes to the listeners.
     * @returns undefined for an id that is none of ours, and when not all of it is kept any more
     */
    since(id: string): HubEvent[] | undefined {
      const number = numberOf(id)
      if (number === undefined || number > last || last - number > kept.length) return undefined
      return kept.slice(kept.length - (last - number))
    },

    listen: (listener: (event: HubEvent) => void): void => void listeners.add(listener),
  }

  function now(): string {
    return `${boot}-${last}`
  }

  function numberOf(id: string): number | undefined {
    const [, ofBoot, digits] = /^([0-9a-f]+)-(0|[1-9][0-9]{0,14})$/.exec(id) ?? []
    return ofBoot === boot ? Number(digits) : undefined
  }
}
