import { timedOut, withTimeout } from '../../core/timeout.ts'
import type { Execution, TerminalSize } from '../engine.ts'
import { closeCodes, encodeServerMessage } from './protocol.ts'

/** What was printed last, for who comes back. */
const SCROLLBACK_BYTES = 256 * 1024
/** May wait for a client before the program has to wait, too. */
const MAX_BUFFERED_BYTES = 1024 * 1024
/** A client that reads nothing for so long has gone. */
const SLOW_CLIENT_TIMEOUT_MS = 30_000

/** A client's end of a websocket. */
export interface TerminalClient {
  /** How many bytes wait for the client. */
  bufferedBytes(): number
  send(data: Uint8Array | string): void
  close(code: number, reason: string): void
}

export type Terminal = ReturnType<typeof createTerminal>

/**
 * A terminal in a droplet, with a client or for a while without one. Bytes go as they are; everything else is JSON:
 * `{"opened":{"terminal":ID,"resumed":false}}` first, `{"exit":CODE}` last.
 * @param onEnd called once, when its program has ended
 * @param slowClientTimeoutMs how long a client may read nothing
 */
export function createTerminal(
  id: string,
  execution: Execution,
  onEnd: () => void,
  slowClientTimeoutMs = SLOW_CLIENT_TIMEOUT_MS,
) {
  const scrollback: Uint8Array[] = []
  let scrollbackBytes = 0
  let client: TerminalClient | undefined
  /** Resolves when the client has read on, or is another one, or none. */
  let drain = Promise.withResolvers<void>()
  let isEnded = false
  pipeOutput()

  return {
    id,

    /** Gives the terminal to a client, from whom comes `resumed` when it was another one's before: what was printed last is sent first. */
    attach(nextClient: TerminalClient, resumed: boolean): void {
      client?.close(closeCodes.takenOver, 'The terminal was opened elsewhere')
      client = nextClient
      nextClient.send(encodeServerMessage({ opened: { terminal: id, resumed } }))
      for (const bytes of scrollback) nextClient.send(bytes)
      notifyDrain()
    },

    /** Takes it from this client, if it is still its. */
    detach(detached: TerminalClient): void {
      if (client !== detached) return
      client = undefined
      notifyDrain()
    },

    /** Its client has read what waited. */
    onDrain: notifyDrain,

    isAttached: (): boolean => client !== undefined,
    write: (bytes: Uint8Array): boolean => execution.write(bytes),
    resize: (size: TerminalSize): Promise<void> => execution.resize(size),

    /** Ends its program. */
    async end(code: number, reason: string): Promise<void> {
      isEnded = true
      client?.close(code, reason)
      client = undefined
      notifyDrain()
      await execution.kill()
    },
  }

  function notifyDrain(): void {
    drain.resolve()
    drain = Promise.withResolvers()
  }

  async function pipeOutput(): Promise<void> {
    try {
      for await (const { bytes } of execution.output) {
        appendScrollback(bytes)
        client?.send(bytes)
        while (client && client.bufferedBytes() > MAX_BUFFERED_BYTES) await awaitDrain(client)
      }
      if (!isEnded) {
        client?.send(encodeServerMessage({ exit: (await execution.exitCode()) ?? null }))
        client?.close(closeCodes.ended, 'The program has ended')
      }
    } catch {
      // The engine is away: so is the program, as far as anybody can tell.
      client?.close(closeCodes.ended, 'The engine cannot be reached')
    }
    onEnd()
  }

  async function awaitDrain(slowClient: TerminalClient): Promise<void> {
    const outcome = await withTimeout(drain.promise, slowClientTimeoutMs)
    if (outcome !== timedOut || client !== slowClient) return
    slowClient.close(closeCodes.tooSlow, 'The client does not read')
    client = undefined
  }

  function appendScrollback(bytes: Uint8Array): void {
    // Of its own: what came from a connection may be part of something larger.
    scrollback.push(bytes.slice(-SCROLLBACK_BYTES))
    scrollbackBytes += Math.min(bytes.byteLength, SCROLLBACK_BYTES)
    for (let first = scrollback[0]; first && scrollbackBytes > SCROLLBACK_BYTES; first = scrollback[0]) {
      const surplus = Math.min(scrollbackBytes - SCROLLBACK_BYTES, first.byteLength)
      scrollbackBytes -= surplus
      // A piece may be as large as all that is kept: then its end is still of use.
      if (surplus === first.byteLength) scrollback.shift()
      else scrollback[0] = first.subarray(surplus)
    }
  }
}
