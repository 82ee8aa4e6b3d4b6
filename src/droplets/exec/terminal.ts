import { timedOut, withTimeout } from '../../core/timeout.ts'
import type { Execution, TerminalSize } from '../engine.ts'
import { closeCodes, encodeServerMessage } from './protocol.ts'

/** Recent output, replayed to a client that reconnects. */
const SCROLLBACK_BYTES = 256 * 1024
/** Back-pressure limit: unread output before the program is paused. */
const MAX_BUFFERED_BYTES = 1024 * 1024
/** A client that reads nothing for this long is disconnected. */
const SLOW_CLIENT_TIMEOUT_MS = 30_000

/** The client's side of a WebSocket. */
export interface TerminalClient {
  /** Bytes sent but not yet read. */
  bufferedBytes(): number
  send(data: Uint8Array | string): void
  close(code: number, reason: string): void
}

export type Terminal = ReturnType<typeof createTerminal>

/**
 * A terminal in a droplet, which may be without a client for a while. See `protocol.ts` for the messages.
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
  /** Resolves when the client has caught up, was replaced or has gone. */
  let drain = Promise.withResolvers<void>()
  let isEnded = false
  pipeOutput()

  return {
    id,

    /**
     * Connects a client, replacing the previous one, and sends it the scrollback.
     * @param resumed whether the terminal had a client before
     */
    attach(nextClient: TerminalClient, resumed: boolean): void {
      client?.close(closeCodes.takenOver, 'The terminal was opened elsewhere')
      client = nextClient
      nextClient.send(encodeServerMessage({ opened: { terminal: id, resumed } }))
      for (const bytes of scrollback) nextClient.send(bytes)
      notifyDrain()
    },

    /** Does nothing if another client has taken over. */
    detach(detached: TerminalClient): void {
      if (client !== detached) return
      client = undefined
      notifyDrain()
    },

    /** Call when the client has read the buffered output. */
    onDrain: notifyDrain,

    isAttached: (): boolean => client !== undefined,
    write: (bytes: Uint8Array): boolean => execution.write(bytes),
    resize: (size: TerminalSize): Promise<void> => execution.resize(size),

    /** Kills the program and disconnects the client. */
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
      // Without the engine, the program's state is unknown.
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
    // A copy, because the chunk may be a view of a larger buffer.
    scrollback.push(bytes.slice(-SCROLLBACK_BYTES))
    scrollbackBytes += Math.min(bytes.byteLength, SCROLLBACK_BYTES)
    for (let first = scrollback[0]; first && scrollbackBytes > SCROLLBACK_BYTES; first = scrollback[0]) {
      const surplus = Math.min(scrollbackBytes - SCROLLBACK_BYTES, first.byteLength)
      scrollbackBytes -= surplus
      // Keep the end of a chunk that only partly fits.
      if (surplus === first.byteLength) scrollback.shift()
      else scrollback[0] = first.subarray(surplus)
    }
  }
}
