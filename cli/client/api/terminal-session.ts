import { ClientError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import { isUnreachable, realTiming, type Timing } from './retry.ts'
import {
  createTerminalConnection,
  isLost,
  type TerminalConnectionEnd,
  type TerminalSize,
} from './terminal-connection.ts'

/** The server keeps a terminal for so long that was lost. */
const RESUME_WINDOW_MS = 60_000
const RECONNECT_INTERVAL_MS = 1_000

/** The terminal of the person. */
export interface LocalTerminal {
  size(): TerminalSize
  write(bytes: Uint8Array): void
  /** Before what was printed last comes again. */
  clear(): void
  /** A line of ours, in between. */
  printStatus(message: string): void
  /**
   * From now on that is where what is typed goes, and when the size changes.
   * @param listener `typed` returns false when there is nobody to type to
   */
  listen(listener: { onInput: (bytes: Uint8Array<ArrayBuffer>) => boolean; onResize: () => void }): void
  /** Resolves when the person leaves, with the exit code. */
  quit: Promise<number>
}

/**
 * A terminal in a droplet, as long as its shell runs or the person stays; it comes back when the connection is lost.
 * @param open takes a ticket and opens the websocket: of this terminal, when there was one
 * @returns the exit code
 * @throws ClientError when it is refused, ended, or lost for more than a minute
 */
export async function attachTerminal(
  open: (size: TerminalSize, terminalId: string | undefined) => Promise<WebSocket>,
  local: LocalTerminal,
  { now, sleep }: Timing = realTiming,
): Promise<number> {
  let terminalId: string | undefined
  let connection: ReturnType<typeof createTerminalConnection> | undefined
  const quit = local.quit.then(code => ({ left: code }))
  local.listen({
    onInput: bytes => {
      connection?.sendInput(bytes)
      return connection !== undefined
    },
    onResize: () => connection?.resize(local.size()),
  })
  try {
    for (;;) {
      const connected = await Promise.race([terminalId === undefined ? connect() : reconnect(), quit])
      if ('left' in connected) return connected.left
      connection = connected
      // One that is taken up again may have had another size before, and a person is quick.
      connection.resize(local.size())
      const end = await Promise.race([connection.ended, quit])
      if ('left' in end) return end.left
      connection = undefined
      if (!isLost(end)) return toExitCode(end)
      local.printStatus('The connection is lost: connecting again (Ctrl-] leaves)')
    }
  } finally {
    connection?.close()
  }

  async function connect() {
    const socket = await open(local.size(), terminalId)
    const newConnection = createTerminalConnection(socket, { onOpened, onOutput: local.write })
    await newConnection.opened
    return newConnection
  }

  function onOpened(newId: string, resumed: boolean): void {
    if (resumed) local.clear()
    else if (terminalId !== undefined)
      local.printStatus('The terminal is over, as nobody came back to it in time: this is a new one')
    terminalId = newId
  }

  async function reconnect() {
    const lostAt = now()
    for (;;) {
      try {
        return await connect()
      } catch (error) {
        if (!isUnreachable(error) || now() - lostAt > RESUME_WINDOW_MS) throw error
      }
      await sleep(RECONNECT_INTERVAL_MS)
    }
  }
}

function toExitCode({ code, reason, exitCode }: TerminalConnectionEnd): number {
  if (typeof exitCode === 'number') return exitCode
  if (exitCode === null) throw new ClientError('refused', 'Nobody knows how the shell ended: the droplet was stopped')
  if (code === 4401) {
    throw new ClientError('notLoggedIn', 'Your session is over, or your group may not do this any more: log in again')
  }
  if (code === 4409) throw new ClientError('refused', 'The terminal was opened elsewhere')
  const reasonText = escapeText(reason)
  if (code === 4408)
    throw new ClientError('refused', `The terminal was closed, as somebody did not read: ${reasonText}`)
  throw new ClientError('refused', `The terminal has ended${reasonText && `: ${reasonText}`}`)
}
