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

/** How long a terminal waits for its client to reconnect. */
const RECONNECT_WINDOW_MS = 60_000
const CHECK_INTERVAL_MS = 250

/** A login shell: bash where the droplet has it, else sh. */
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
 * Terminals in droplets. Each belongs to a manager's session and ends with it, or when the user loses the manager role.
 * A terminal whose client was lost is kept for a minute.
 * @param monotonic milliseconds since an arbitrary moment
 * @param now milliseconds since 1970
 */
export function createTerminals(deps: {
  engine: Pick<DropletEngine, 'execute'>
  droplets: Pick<DropletService, 'findRunning'>
  auth: Pick<AuthService, 'userOfSession'>
  audit: Pick<Audit, 'recordStart' | 'recordEnd' | 'record' | 'writeOrDefer'>
  db: Pick<Database, 'write'>
  slots: ConnectionSlots
  random: RandomBytes
  monotonic: () => number
  now: () => number
  log: Log
  /** As in `createTerminal`. */
  slowClientTimeoutMs?: number
}) {
  const { engine, droplets, auth, audit, db, slots, random, monotonic, now, log, slowClientTimeoutMs } = deps
  const tickets = createTickets(random, monotonic)
  /** Keyed by terminal id. */
  const openTerminals = new Map<string, OpenTerminal>()
  const intervals = createIntervals({ run: endExpired, everyMs: CHECK_INTERVAL_MS })
  let isClosed = false

  return {
    /** Checks sessions and abandoned terminals until `close`. */
    start: intervals.start,

    /**
     * Issues a ticket for one terminal.
     * @throws ApiError 900 if the droplet does not exist or is not running, 918
     */
    async issue(grant: TicketGrant): Promise<string> {
      await droplets.findRunning(grant.droplet)
      return tickets.issue(grant)
    },

    /**
     * Redeems a ticket.
     * @throws ApiError 935, also if its session has ended or its user is no longer a manager
     */
    redeem(ticket: string, droplet: string): { grant: TicketGrant; user: User } {
      const grant = tickets.redeem(ticket, droplet)
      const user = managerOfSession(grant.sessionId)
      if (!user) throw new ApiError('ticketUnknown')
      return { grant, user }
    },

    /**
     * Opens a terminal without a client; `attach` connects one.
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
        if (isClosed) endTerminal(entry, closeCodes.goingAway, 'The server is stopping')
        return terminal
      } catch (error) {
        slot[Symbol.dispose]()
        if (pendingRecord) await recordEnd(pendingRecord, name, error)
        throw error
      }
    },

    /**
     * Resumes a terminal, which belongs to this session from now on.
     * @returns undefined if it has ended or is another user's
     */
    resume({ sessionId, droplet }: TicketGrant, user: User, id: string): Terminal | undefined {
      const entry = openTerminals.get(id)
      if (!entry || entry.userId !== user.id || entry.droplet !== droplet) return undefined
      entry.sessionId = sessionId
      return entry.terminal
    },

    /** Connects a client to its terminal. */
    attach(terminal: Terminal, client: TerminalClient, resumed: boolean): void {
      const entry = openTerminals.get(terminal.id)
      if (entry) {
        entry.detachedSince = undefined
        terminal.attach(client, resumed)
      } else client.close(closeCodes.ended, 'The program has ended')
    },

    /** The client was lost; its terminal waits for it to reconnect. */
    detachClient(terminal: Terminal, client: TerminalClient): void {
      const entry = openTerminals.get(terminal.id)
      terminal.detach(client)
      // A client that was too slow is already detached.
      if (entry && !terminal.isAttached()) entry.detachedSince ??= monotonic()
    },

    /** The client closed its terminal for good. */
    endByClient(terminal: Terminal, client: TerminalClient): void {
      const entry = openTerminals.get(terminal.id)
      terminal.detach(client)
      if (entry && !terminal.isAttached())
        void endTerminal(entry, closeCodes.ended, 'The client has closed the terminal')
    },

    /** Ends terminals whose session or permission has ended, and abandoned ones. Called periodically after `start`. */
    endExpired,

    count: (): number => openTerminals.size,

    /** Ends all terminals, and any that is opened from now on. */
    async close(): Promise<void> {
      isClosed = true
      intervals.stop()
      await Promise.all(
        [...openTerminals.values()].map(entry => endTerminal(entry, closeCodes.goingAway, 'The server is stopping')),
      )
    },
  }

  function endExpired(): void {
    for (const entry of openTerminals.values()) {
      if (!isStillAllowed(entry)) endTerminal(entry, closeCodes.notAllowed, 'The session has ended')
      else if (entry.detachedSince !== undefined && monotonic() - entry.detachedSince > RECONNECT_WINDOW_MS) {
        endTerminal(entry, closeCodes.ended, 'The client did not reconnect')
      }
    }
  }

  function isStillAllowed({ sessionId }: OpenTerminal): boolean {
    try {
      return managerOfSession(sessionId) !== undefined
    } catch {
      // If the store is unreadable the session cannot be verified; fail closed.
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
      log.warn('a terminal program could not be killed', {
        droplet: entry.droplet,
        error: describeError(error),
      })
    }
    // At shutdown the store is closed next; an end not recorded by then counts as interrupted.
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
    await audit.writeOrDefer(() => audit.recordEnd({ ...pendingRecord, time: endedAt }, droplet, error))
  }
}

const withOpenAction = (actor: Actor): Actor => ({ ...actor, action: 'droplet.exec' })
const withEndAction = (actor: Actor): Actor => ({ ...actor, action: 'droplet.exec.end' })
