import type { Execution, TerminalSize } from '../droplets/engine.ts'

/** What was printed last, for who comes back. */
const KEPT_BYTES = 256 * 1024
/** May wait for a client before the program has to wait, too. */
const BEHIND_BYTES = 1024 * 1024
/** A client that reads nothing for so long has gone. */
const SLOW_MS = 30_000

/** The codes of the websocket's end: those of RFC 6455 section 7.4, and our own. */
export const closings = {
  /** The program has ended. */
  ended: 1000,
  /** The server stops. */
  goingAway: 1001,
  /** Something that no terminal says. */
  unsupported: 1003,
  /** The session is over, or its user may not do this any more. */
  notAllowed: 4401,
  /** Another connection has taken the terminal over. */
  takenOver: 4409,
  tooSlow: 4408,
} as const

/** A client's end of a websocket. */
export interface Peer {
  /** How many bytes wait for the client. */
  waiting(): number
  send(data: Uint8Array | string): void
  close(code: number, reason: string): void
}

export type Terminal = ReturnType<typeof createTerminal>

/**
 * A terminal in a droplet, with a client or for a while without one. Bytes go as they are; everything else is JSON:
 * `{"opened":{"terminal":ID,"resumed":false}}` first, `{"exit":CODE}` last.
 * @param over called once, when its program has ended
 * @param slowMs how long a client may read nothing
 */
export function createTerminal(id: string, execution: Execution, over: () => void, slowMs = SLOW_MS) {
  const kept: Uint8Array[] = []
  let keptBytes = 0
  let peer: Peer | undefined
  /** Resolves when the client has read on, or is another one, or none. */
  let readOn = Promise.withResolvers<void>()
  let ended = false
  pump()

  return {
    id,

    /** Gives the terminal to a client, from whom comes `resumed` when it was another one's before: what was printed last is sent first. */
    attach(next: Peer, resumed: boolean): void {
      peer?.close(closings.takenOver, 'The terminal was opened elsewhere')
      peer = next
      next.send(JSON.stringify({ opened: { terminal: id, resumed } }))
      for (const bytes of kept) next.send(bytes)
      wake()
    },

    /** Takes it from this client, if it is still its. */
    detach(gone: Peer): void {
      if (peer !== gone) return
      peer = undefined
      wake()
    },

    /** Its client has read what waited. */
    drained: wake,

    isAttached: (): boolean => peer !== undefined,
    write: (bytes: Uint8Array): boolean => execution.write(bytes),
    resize: (size: TerminalSize): Promise<void> => execution.resize(size),

    /** Ends its program. */
    async end(code: number, reason: string): Promise<void> {
      ended = true
      peer?.close(code, reason)
      peer = undefined
      wake()
      await execution.end()
    },
  }

  function wake(): void {
    readOn.resolve()
    readOn = Promise.withResolvers()
  }

  async function pump(): Promise<void> {
    try {
      for await (const { bytes } of execution.output) {
        keep(bytes)
        peer?.send(bytes)
        while (peer && peer.waiting() > BEHIND_BYTES) await patience(peer)
      }
      if (!ended) {
        peer?.send(JSON.stringify({ exit: (await execution.exitCode()) ?? null }))
        peer?.close(closings.ended, 'The program has ended')
      }
    } catch {
      // The engine is away: so is the program, as far as anybody can tell.
      peer?.close(closings.ended, 'The engine cannot be reached')
    }
    over()
  }

  async function patience(slow: Peer): Promise<void> {
    const limit = Promise.withResolvers<'late'>()
    const timer = setTimeout(limit.resolve, slowMs, 'late')
    const how = await Promise.race([readOn.promise, limit.promise])
    clearTimeout(timer)
    if (how === 'late' && peer === slow) slow.close(closings.tooSlow, 'The client does not read')
    if (how === 'late' && peer === slow) peer = undefined
  }

  function keep(bytes: Uint8Array): void {
    // Of its own: what came from a connection may be part of something larger.
    kept.push(bytes.slice(-KEPT_BYTES))
    keptBytes += Math.min(bytes.byteLength, KEPT_BYTES)
    for (let first = kept[0]; first && keptBytes > KEPT_BYTES; first = kept[0]) {
      const surplus = Math.min(keptBytes - KEPT_BYTES, first.byteLength)
      keptBytes -= surplus
      // A piece may be as large as all that is kept: then its end is still of use.
      if (surplus === first.byteLength) kept.shift()
      else kept[0] = first.subarray(surplus)
    }
  }
}
