import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import type { RandomBytes } from '../../core/random.ts'

export const TICKET_LIFETIME_SECONDS = 30
const TICKET_BYTES = 32
/** When a session exceeds this, its oldest ticket is revoked. */
const MAX_TICKETS_PER_SESSION = 20

/** The access that a ticket grants. */
export interface TicketGrant {
  sessionId: string
  actor: Actor
  /** The name of the droplet. */
  droplet: string
}

/**
 * Single-use tickets for opening WebSockets: a browser cannot send an `Authorization` header with one, and tokens do not
 * belong in URLs. Only hashes are stored, in memory.
 * @param monotonic milliseconds since an arbitrary moment
 */
export function createTickets(random: RandomBytes, monotonic: () => number) {
  /** Keyed by the ticket's hash, oldest first. */
  const issued = new Map<string, TicketGrant & { expiresAt: number }>()

  return {
    /** @returns the ticket: 64 hex digits */
    issue(grant: TicketGrant): string {
      evictOld(grant.sessionId)
      const ticket = random(TICKET_BYTES).toHex()
      issued.set(hashOf(ticket), { ...grant, expiresAt: monotonic() + TICKET_LIFETIME_SECONDS * 1000 })
      return ticket
    },

    /**
     * Uses up the ticket, regardless of the result.
     * @throws ApiError 935 if it is unknown, expired, used, or for another droplet
     */
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
