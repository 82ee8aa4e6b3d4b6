import { ClientError } from '../../src/errors.ts'
import { escapeText } from '../../src/log.ts'
import { isUnreachable, realTiming, type Timing } from './patience.ts'
import { createTerminalLink, isLost, type LinkEnd, type TerminalSize } from './terminal-link.ts'

/** The server keeps a terminal for so long that was lost. */
const KEPT_MS = 60_000
const ASK_EVERY_MS = 1_000

/** The terminal of the person. */
export interface LocalTerminal {
  size(): TerminalSize
  write(bytes: Uint8Array): void
  /** Before what was printed last comes again. */
  clear(): void
  /** A line of ours, in between. */
  tell(words: string): void
  /**
   * From now on that is where what is typed goes, and when the size changes.
   * @param listener `typed` returns false when there is nobody to type to
   */
  listen(listener: { typed: (bytes: Uint8Array<ArrayBuffer>) => boolean; resized: () => void }): void
  /** Resolves when the person leaves, with the exit code. */
  left: Promise<number>
}

/**
 * A terminal in a droplet, as long as its shell runs or the person stays; it comes back when the connection is lost.
 * @param open takes a ticket and opens the websocket: of this terminal, when there was one
 * @returns the exit code
 * @throws ClientError when it is refused, ended, or lost for more than a minute
 */
export async function attendTerminal(
  open: (size: TerminalSize, terminal: string | undefined) => Promise<WebSocket>,
  local: LocalTerminal,
  { now, sleep }: Timing = realTiming,
): Promise<number> {
  let terminal: string | undefined
  let link: ReturnType<typeof createTerminalLink> | undefined
  const left = local.left.then(code => ({ left: code }))
  local.listen({
    typed: bytes => {
      link?.type(bytes)
      return link !== undefined
    },
    resized: () => link?.resize(local.size()),
  })
  try {
    for (;;) {
      const connected = await Promise.race([terminal === undefined ? connect() : reconnect(), left])
      if ('left' in connected) return connected.left
      link = connected
      // One that is taken up again may have had another size before, and a person is quick.
      link.resize(local.size())
      const end = await Promise.race([link.ended, left])
      if ('left' in end) return end.left
      link = undefined
      if (!isLost(end)) return exitOf(end)
      local.tell('The connection is lost: connecting again (Ctrl-] leaves)')
    }
  } finally {
    link?.close()
  }

  async function connect() {
    const socket = await open(local.size(), terminal)
    const next = createTerminalLink(socket, { opened, printed: local.write })
    await next.opened
    return next
  }

  function opened(id: string, resumed: boolean): void {
    if (resumed) local.clear()
    else if (terminal !== undefined)
      local.tell('The terminal is over, as nobody came back to it in time: this is a new one')
    terminal = id
  }

  async function reconnect() {
    const lostAt = now()
    for (;;) {
      try {
        return await connect()
      } catch (error) {
        if (!isUnreachable(error) || now() - lostAt > KEPT_MS) throw error
      }
      await sleep(ASK_EVERY_MS)
    }
  }
}

function exitOf({ code, reason, exit }: LinkEnd): number {
  if (typeof exit === 'number') return exit
  if (exit === null) throw new ClientError('refused', 'Nobody knows how the shell ended: the droplet was stopped')
  if (code === 4401) {
    throw new ClientError('notLoggedIn', 'Your session is over, or your group may not do this any more: log in again')
  }
  if (code === 4409) throw new ClientError('refused', 'The terminal was opened elsewhere')
  const why = escapeText(reason)
  if (code === 4408) throw new ClientError('refused', `The terminal was closed, as somebody did not read: ${why}`)
  throw new ClientError('refused', `The terminal has ended${why && `: ${why}`}`)
}
