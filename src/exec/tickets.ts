import type { Act } from '../audit/service.ts'
import { ApiError } from '../errors.ts'
import type { RandomBytes } from '../store/key-file.ts'

export const TICKET_SECONDS = 30
const TICKET_BYTES = 32
/** Of one session. The oldest gives way: who takes that many uses none of them. */
const TICKETS_PER_SESSION = 20

/** For whom a ticket was made out, and for what. */
export interface Admission {
  sessionId: string
  act: Act
  /** The name of the droplet. */
  droplet: string
}

export type Tickets = ReturnType<typeof createTickets>

/**
 * Tickets, by which a websocket is opened: a browser can send no token with it, and none belongs into an address. Each
 * counts once and for half a minute. What is kept is their hashes, in memory.
 * @param monotonic milliseconds since some moment
 */
export function createTickets(random: RandomBytes, monotonic: () => number) {
  /** By the hash of the ticket, oldest first. */
  const issued = new Map<string, Admission & { expiresAt: number }>()

  return {
    /** @returns the ticket: 64 hex digits */
    issue(admission: Admission): string {
      removeOld(admission.sessionId)
      const ticket = random(TICKET_BYTES).toHex()
      issued.set(hashOf(ticket), { ...admission, expiresAt: monotonic() + TICKET_SECONDS * 1000 })
      return ticket
    },

    /** @throws ApiError 935 for one that is unknown, over or used, or was made out for another droplet; it is used then */
    redeem(ticket: string, droplet: string): Admission {
      const key = hashOf(ticket)
      const admission = issued.get(key)
      issued.delete(key)
      if (!admission || admission.expiresAt <= monotonic() || admission.droplet !== droplet) {
        throw new ApiError('ticketUnknown')
      }
      return admission
    },
  }

  function removeOld(sessionId: string): void {
    const keys = [...issued].filter(([, admission]) => admission.sessionId === sessionId).map(([key]) => key)
    for (const key of keys.slice(0, Math.max(0, keys.length - TICKETS_PER_SESSION + 1))) issued.delete(key)
    for (const [key, { expiresAt }] of issued) if (expiresAt <= monotonic()) issued.delete(key)
  }
}

function hashOf(ticket: string): string {
  return new Bun.CryptoHasher('sha256').update(ticket).digest('hex')
}
