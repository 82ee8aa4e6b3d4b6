import { ClientError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import type { TerminalSize } from '../../../src/droplets/engine.ts'
import { closeCodes } from '../../../src/droplets/exec/protocol.ts'
import { isUnreachable, realTiming, type Timing } from './retry.ts'
import { createTerminalConnection, isLost, type TerminalConnectionEnd } from './terminal-connection.ts'

/** The server keeps a disconnected terminal for this long. */
const RESUME_WINDOW_MS = 60_000
const RECONNECT_INTERVAL_MS = 1_000

/** The user's own terminal. */
export interface LocalTerminal {
  size(): TerminalSize
  write(bytes: Uint8Array): void
  /** Clears the screen before the server repeats the last output. */
  clear(): void
  /** Prints a message of this program. */
  printStatus(message: string): void
  /**
   * Receives input and size changes from now on.
   * @param listener `onInput` returns false if there is no connection
   */
  listen(listener: { onInput: (bytes: Uint8Array<ArrayBuffer>) => boolean; onResize: () => void }): void
  /** Resolves with the exit code when the user leaves. */
  quit: Promise<number>
}

/**
 * Attaches to a terminal in a droplet until its shell ends or the user leaves. Reconnects when the connection is lost.
 * @param open requests a ticket and opens the websocket, for an existing terminal if it has an id
 * @returns the exit code
 * @throws ClientError if the terminal is rejected, ended by the server, or lost for more than a minute
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
      // The size may have changed before or while connecting.
      connection.resize(local.size())
      const end = await Promise.race([connection.ended, quit])
      if ('left' in end) return end.left
      connection = undefined
      if (!isLost(end)) return toExitCode(end)
      local.printStatus('connection lost, reconnecting (Ctrl-] leaves)')
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
    else if (terminalId !== undefined) local.printStatus('the terminal ended while disconnected; this is a new one')
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
  if (exitCode === null) throw new ClientError('refused', 'The exit code is unknown: the droplet was stopped')
  if (code === closeCodes.notAllowed) {
    throw new ClientError('notLoggedIn', 'Your session has ended, or your group no longer allows this: log in again')
  }
  if (code === closeCodes.takenOver) throw new ClientError('refused', 'The terminal was opened elsewhere')
  const reasonText = escapeText(reason)
  if (code === closeCodes.tooSlow)
    throw new ClientError('refused', `The terminal was closed because its output was not read: ${reasonText}`)
  throw new ClientError('refused', `The terminal has ended${reasonText && `: ${reasonText}`}`)
}
