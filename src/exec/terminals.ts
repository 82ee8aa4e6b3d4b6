import type { Act, Audit, Begun } from '../audit/service.ts'
import type { AuthService } from '../auth/service.ts'
import type { DropletEngine, TerminalSize } from '../droplets/engine.ts'
import type { DropletService } from '../droplets/service.ts'
import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import type { Database } from '../store/database.ts'
import type { RandomBytes } from '../store/key-file.ts'
import type { User } from '../store/users.ts'
import { includesGroup } from '../users/username.ts'
import type { Places } from './places.ts'
import { closings, createTerminal, type Peer, type Terminal } from './terminal.ts'
import { type Admission, createTickets } from './tickets.ts'

/** How long a terminal waits for a client that lost it. */
const KEPT_MS = 60_000
const LOOK_EVERY_MS = 250

/** What root's own shell would be; not every droplet has it. */
const SHELL = ['sh', '-c', 'cd; command -v bash >/dev/null && exec bash -l; exec sh -l']

interface Open {
  terminal: Terminal
  userId: string
  sessionId: string
  droplet: string
  begun: Begun
  place: Disposable
  /** Since when it has no client, by the monotonic clock. */
  aloneSince: number | undefined
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
  auth: Pick<AuthService, 'holderOf'>
  audit: Pick<Audit, 'begin' | 'end' | 'record' | 'later'>
  db: Pick<Database, 'write'>
  places: Places
  random: RandomBytes
  monotonic: () => number
  now: () => number
  log: Log
  /** As `createTerminal`. */
  slowMs?: number
}) {
  const { engine, droplets, auth, audit, db, places, random, monotonic, now, log, slowMs } = deps
  const tickets = createTickets(random, monotonic)
  /** By the id of the terminal. */
  const terminals = new Map<string, Open>()
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()
  let isClosed = false

  return {
    /**
     * A ticket for one terminal in this droplet.
     * @throws ApiError 900 for a droplet that is not there or does not run, 918
     */
    async issue(admission: Admission): Promise<string> {
      await droplets.findRunning(admission.droplet)
      return tickets.issue(admission)
    },

    /**
     * Takes a ticket.
     * @throws ApiError 935, also when its session is over or its user may do this no more
     */
    redeem(ticket: string, droplet: string): { admission: Admission; user: User } {
      const admission = tickets.redeem(ticket, droplet)
      const user = managerOf(admission.sessionId)
      if (!user) throw new ApiError('ticketUnknown')
      return { admission, user }
    },

    /**
     * Opens a terminal, which begins with a client when one is attached.
     * @throws ApiError 900, 918, 922, 938
     */
    async open({ sessionId, act, droplet: name }: Admission, user: User, size: TerminalSize): Promise<Terminal> {
      const droplet = await droplets.findRunning(name)
      const place = places.take(user.id)
      let begun: Begun | undefined
      try {
        begun = await db.write(() => {
          audit.record(opening(act), name)
          return audit.begin(ending(act), name)
        })
        const execution = await engine.execute(droplet.id, { command: SHELL, terminal: size })
        const id = crypto.randomUUID()
        const terminal = createTerminal(id, execution, () => forget(id), slowMs)
        const open = { terminal, userId: user.id, sessionId, droplet: name, begun, place, aloneSince: monotonic() }
        terminals.set(id, open)
        if (isClosed) end(open, closings.goingAway, 'The server stops')
        return terminal
      } catch (error) {
        place[Symbol.dispose]()
        if (begun) await recordEnd(begun, name, error)
        throw error
      }
    },

    /**
     * The same terminal again, for who lost it: from now on it is this session's.
     * @returns undefined when it is over, or never was this user's
     */
    resume({ sessionId, droplet }: Admission, user: User, id: string): Terminal | undefined {
      const open = terminals.get(id)
      if (!open || open.userId !== user.id || open.droplet !== droplet) return undefined
      open.sessionId = sessionId
      return open.terminal
    },

    /** A client begins with its terminal. */
    attach(terminal: Terminal, peer: Peer, resumed: boolean): void {
      const open = terminals.get(terminal.id)
      if (open) {
        open.aloneSince = undefined
        terminal.attach(peer, resumed)
      } else peer.close(closings.ended, 'The program has ended')
    },

    /** A client is gone; its terminal waits for it. */
    leave(terminal: Terminal, peer: Peer): void {
      const open = terminals.get(terminal.id)
      terminal.detach(peer)
      // One that was given up as too slow was taken off already.
      if (open && !terminal.isAttached()) open.aloneSince ??= monotonic()
    },

    /** A client is done with its terminal. */
    finish(terminal: Terminal, peer: Peer): void {
      const open = terminals.get(terminal.id)
      terminal.detach(peer)
      if (open && !terminal.isAttached()) void end(open, closings.ended, 'The client is done')
    },

    /** Ends those whose session or right is over, and those that nobody came back to. It is called again and again. */
    look,

    count: (): number => terminals.size,

    /** Ends all of them, and from now on each that is opened. */
    async close(): Promise<void> {
      isClosed = true
      clearInterval(timer)
      await Promise.all([...terminals.values()].map(open => end(open, closings.goingAway, 'The server stops')))
    },
  }

  function look(): void {
    for (const open of terminals.values()) {
      if (!mayGoOn(open)) end(open, closings.notAllowed, 'The session is over')
      else if (open.aloneSince !== undefined && monotonic() - open.aloneSince > KEPT_MS) {
        end(open, closings.ended, 'Nobody came back')
      }
    }
  }

  function mayGoOn({ sessionId }: Open): boolean {
    try {
      return managerOf(sessionId) !== undefined
    } catch {
      // Of a store that cannot be read nobody knows. A terminal is not left to somebody who may have lost it.
      return false
    }
  }

  function managerOf(sessionId: string): User | undefined {
    const user = auth.holderOf(sessionId)
    return user && includesGroup(user.group, 'manager') ? user : undefined
  }

  async function end(open: Open, code: number, reason: string): Promise<void> {
    const recorded = forget(open.terminal.id)
    try {
      await open.terminal.end(code, reason)
    } catch (error) {
      log.warn('a terminal could not be ended within its droplet', {
        droplet: open.droplet,
        error: describeError(error),
      })
    }
    // With the end of the server the store is closed next: what is not in it by then was interrupted.
    await recorded
  }

  async function forget(id: string): Promise<void> {
    const open = terminals.get(id)
    if (!open) return
    terminals.delete(id)
    open.place[Symbol.dispose]()
    await recordEnd(open.begun, open.droplet)
  }

  async function recordEnd(begun: Begun, droplet: string, error?: unknown): Promise<void> {
    const endedAt = now()
    const write = () => audit.end({ ...begun, time: endedAt }, droplet, error)
    await db.write(write).catch(() => audit.later(write, () => undefined))
  }
}

const opening = (act: Act): Act => ({ ...act, action: 'droplet.exec' })
const ending = (act: Act): Act => ({ ...act, action: 'droplet.exec.end' })
