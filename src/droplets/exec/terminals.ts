import type { Audit, PendingRecord } from '../../audit/service.ts'
import type { AuthService } from '../../auth/service.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import { includesGroup } from '../../core/groups.ts'
import { createIntervals } from '../../core/intervals.ts'
import { describeError, type Log } from '../../core/log.ts'
import type { RandomBytes } from '../../core/random.ts'
import type { Database } from '../../store/database.ts'
import type { User } from '../../store/users.ts'
import type { DropletEngine, TerminalSize } from '../engine.ts'
import type { DropletService } from '../service.ts'
import { closeCodes } from './protocol.ts'
import type { ConnectionSlots } from './slots.ts'
import { createTerminal, type Terminal, type TerminalClient } from './terminal.ts'
import { createTickets, type TicketGrant } from './tickets.ts'

/** How long a terminal waits for a client that lost it. */
const RECONNECT_WINDOW_MS = 60_000
const CHECK_INTERVAL_MS = 250

/** What root's own shell would be; not every droplet has it. */
const SHELL = ['sh', '-c', 'cd; command -v bash >/dev/null && exec bash -l; exec sh -l']

interface OpenTerminal {
  terminal: Terminal
  userId: string
  sessionId: string
  droplet: string
  pendingRecord: PendingRecord
  slot: Disposable
  /** Since when it has no client, by the monotonic clock. */
  detachedSince: number | undefined
}

export type Terminals = ReturnType<typeof createTerminals>

/**
 * Terminals in droplets: each is for a session of a manager, ends with it or with the right to it, and is kept for a minute
 * when its client is lost.
 * @param monotonic milliseconds since some moment
 * @param now milliseconds since 1970
 */
export function createTerminals(deps: {
  engine: Pick<DropletEngine, 'execute'>
  droplets: Pick<DropletService, 'findRunning'>
  auth: Pick<AuthService, 'userOfSession'>
  audit: Pick<Audit, 'recordStart' | 'recordEnd' | 'record' | 'defer'>
  db: Pick<Database, 'write'>
  slots: ConnectionSlots
  random: RandomBytes
  monotonic: () => number
  now: () => number
  log: Log
  /** As `createTerminal`. */
  slowClientTimeoutMs?: number
}) {
  const { engine, droplets, auth, audit, db, slots, random, monotonic, now, log, slowClientTimeoutMs } = deps
  const tickets = createTickets(random, monotonic)
  /** By the id of the terminal. */
  const openTerminals = new Map<string, OpenTerminal>()
  const intervals = createIntervals({ run: endExpired, everyMs: CHECK_INTERVAL_MS })
  let isClosed = false

  return {
    /** Checks sessions and abandoned terminals until `close`. */
    start: intervals.start,

    /**
     * A ticket for one terminal in this droplet.
     * @throws ApiError 900 for a droplet that is not there or does not run, 918
     */
    async issue(grant: TicketGrant): Promise<string> {
      await droplets.findRunning(grant.droplet)
      return tickets.issue(grant)
    },

    /**
     * Takes a ticket.
     * @throws ApiError 935, also when its session is over or its user may do this no more
     */
    redeem(ticket: string, droplet: string): { grant: TicketGrant; user: User } {
      const grant = tickets.redeem(ticket, droplet)
      const user = managerOfSession(grant.sessionId)
      if (!user) throw new ApiError('ticketUnknown')
      return { grant, user }
    },

    /**
     * Opens a terminal, which begins with a client when one is attached.
     * @throws ApiError 900, 918, 922, 938
     */
    async open({ sessionId, actor, droplet: name }: TicketGrant, user: User, size: TerminalSize): Promise<Terminal> {
      const droplet = await droplets.findRunning(name)
      const slot = slots.acquire(user.id)
      let pendingRecord: PendingRecord | undefined
      try {
        pendingRecord = await db.write(() => {
          audit.record(withOpenAction(actor), name)
          return audit.recordStart(withEndAction(actor), name)
        })
        const execution = await engine.execute(droplet.id, { command: SHELL, terminal: size })
        const id = crypto.randomUUID()
        const terminal = createTerminal(id, execution, () => removeEntry(id), slowClientTimeoutMs)
        const entry = {
          terminal,
          userId: user.id,
          sessionId,
          droplet: name,
          pendingRecord,
          slot,
          detachedSince: monotonic(),
        }
        openTerminals.set(id, entry)
        if (isClosed) endTerminal(entry, closeCodes.goingAway, 'The server stops')
        return terminal
      } catch (error) {
        slot[Symbol.dispose]()
        if (pendingRecord) await recordEnd(pendingRecord, name, error)
        throw error
      }
    },

    /**
     * The same terminal again, for who lost it: from now on it is this session's.
     * @returns undefined when it is over, or never was this user's
     */
    resume({ sessionId, droplet }: TicketGrant, user: User, id: string): Terminal | undefined {
      const entry = openTerminals.get(id)
      if (!entry || entry.userId !== user.id || entry.droplet !== droplet) return undefined
      entry.sessionId = sessionId
      return entry.terminal
    },

    /** A client begins with its terminal. */
    attach(terminal: Terminal, client: TerminalClient, resumed: boolean): void {
      const entry = openTerminals.get(terminal.id)
      if (entry) {
        entry.detachedSince = undefined
        terminal.attach(client, resumed)
      } else client.close(closeCodes.ended, 'The program has ended')
    },

    /** A client is gone; its terminal waits for it. */
    detachClient(terminal: Terminal, client: TerminalClient): void {
      const entry = openTerminals.get(terminal.id)
      terminal.detach(client)
      // One that was given up as too slow was taken off already.
      if (entry && !terminal.isAttached()) entry.detachedSince ??= monotonic()
    },

    /** A client is done with its terminal. */
    endByClient(terminal: Terminal, client: TerminalClient): void {
      const entry = openTerminals.get(terminal.id)
      terminal.detach(client)
      if (entry && !terminal.isAttached()) void endTerminal(entry, closeCodes.ended, 'The client is done')
    },

    /** Ends those whose session or right is over, and those that nobody came back to. It is called again and again. */
    endExpired,

    count: (): number => openTerminals.size,

    /** Ends all of them, and from now on each that is opened. */
    async close(): Promise<void> {
      isClosed = true
      intervals.stop()
      await Promise.all(
        [...openTerminals.values()].map(entry => endTerminal(entry, closeCodes.goingAway, 'The server stops')),
      )
    },
  }

  function endExpired(): void {
    for (const entry of openTerminals.values()) {
      if (!isStillAllowed(entry)) endTerminal(entry, closeCodes.notAllowed, 'The session is over')
      else if (entry.detachedSince !== undefined && monotonic() - entry.detachedSince > RECONNECT_WINDOW_MS) {
        endTerminal(entry, closeCodes.ended, 'Nobody came back')
      }
    }
  }

  function isStillAllowed({ sessionId }: OpenTerminal): boolean {
    try {
      return managerOfSession(sessionId) !== undefined
    } catch {
      // Of a store that cannot be read nobody knows. A terminal is not left to somebody who may have lost it.
      return false
    }
  }

  function managerOfSession(sessionId: string): User | undefined {
    const user = auth.userOfSession(sessionId)
    return user && includesGroup(user.group, 'manager') ? user : undefined
  }

  async function endTerminal(entry: OpenTerminal, code: number, reason: string): Promise<void> {
    const recorded = removeEntry(entry.terminal.id)
    try {
      await entry.terminal.end(code, reason)
    } catch (error) {
      log.warn('a terminal could not be ended within its droplet', {
        droplet: entry.droplet,
        error: describeError(error),
      })
    }
    // With the end of the server the store is closed next: what is not in it by then was interrupted.
    await recorded
  }

  async function removeEntry(id: string): Promise<void> {
    const entry = openTerminals.get(id)
    if (!entry) return
    openTerminals.delete(id)
    entry.slot[Symbol.dispose]()
    await recordEnd(entry.pendingRecord, entry.droplet)
  }

  async function recordEnd(pendingRecord: PendingRecord, droplet: string, error?: unknown): Promise<void> {
    const endedAt = now()
    const write = () => audit.recordEnd({ ...pendingRecord, time: endedAt }, droplet, error)
    await db.write(write).catch(() => audit.defer(write, () => undefined))
  }
}

const withOpenAction = (actor: Actor): Actor => ({ ...actor, action: 'droplet.exec' })
const withEndAction = (actor: Actor): Actor => ({ ...actor, action: 'droplet.exec.end' })
