import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import type { RandomBytes } from '../../core/random.ts'

export const TICKET_LIFETIME_SECONDS = 30
const TICKET_BYTES = 32
/** Of one session. The oldest gives way: who takes that many uses none of them. */
const MAX_TICKETS_PER_SESSION = 20

/** For whom a ticket was made out, and for what. */
export interface TicketGrant {
  sessionId: string
  actor: Actor
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
  const issued = new Map<string, TicketGrant & { expiresAt: number }>()

  return {
    /** @returns the ticket: 64 hex digits */
    issue(grant: TicketGrant): string {
      evictOld(grant.sessionId)
      const ticket = random(TICKET_BYTES).toHex()
      issued.set(hashOf(ticket), { ...grant, expiresAt: monotonic() + TICKET_LIFETIME_SECONDS * 1000 })
      return ticket
    },

    /** @throws ApiError 935 for one that is unknown, over or used, or was made out for another droplet; it is used then */
    redeem(ticket: string, droplet: string): TicketGrant {
      const key = hashOf(ticket)
      const grant = issued.get(key)
      issued.delete(key)
      if (!grant || grant.expiresAt <= monotonic() || grant.droplet !== droplet) {
        throw new ApiError('ticketUnknown')
      }
      return grant
    },
  }

  function evictOld(sessionId: string): void {
    const keys = [...issued].filter(([, grant]) => grant.sessionId === sessionId).map(([key]) => key)
    for (const key of keys.slice(0, Math.max(0, keys.length - MAX_TICKETS_PER_SESSION + 1))) issued.delete(key)
    for (const [key, { expiresAt }] of issued) if (expiresAt <= monotonic()) issued.delete(key)
  }
}

function hashOf(ticket: string): string {
  return new Bun.CryptoHasher('sha256').update(ticket).digest('hex')
}
