import { ask } from '../api/api.ts'
import { addressOf, Refusal, wordsFor } from '../api/http.ts'

const PROTOCOL = 'cikit.exec.v1'
/** The server keeps a terminal for a minute. */
const GIVE_UP_MS = 60_000
const PAUSE_MS = 1_000

/** Why the server closes a terminal for good; what else ends a connection is a network that was lost. */
const closings: Record<number, string> = {
  1000: 'The shell has ended.',
  4401: 'Your session or your right to this is over.',
  4408: 'This page did not keep up with what came.',
  4409: 'The terminal was opened elsewhere.',
}

export interface Size {
  columns: number
  rows: number
}

export interface Listener {
  printed: (bytes: Uint8Array) => void
  /** What was printed last comes once more. */
  resumed: () => void
  state: (state: 'connecting' | 'open' | 'lost') => void
  /** It is over, and why. */
  over: (why: string) => void
}

export type Connection = ReturnType<typeof connectTerminal>

/** A terminal in a droplet, which is taken up again when the connection is lost. */
export function connectTerminal(droplet: string, size: () => Size, listener: Listener) {
  const encoder = new TextEncoder()
  let socket: WebSocket | undefined
  let terminal: string | undefined
  let exit: number | null | undefined
  let lostAt: number | undefined
  let isOver = false
  void connect()

  return {
    type: (text: string): void => send(encoder.encode(text)),
    bytes: (bytes: Uint8Array<ArrayBuffer>): void => send(bytes),
    resize: (): void => send(JSON.stringify({ resize: size() })),
    /** Ends the shell, as a window that is closed does. */
    close(): void {
      isOver = true
      socket?.close(1000)
    },
  }

  function send(data: string | Uint8Array<ArrayBuffer>): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(data)
  }

  async function connect(): Promise<void> {
    listener.state(lostAt === undefined ? 'connecting' : 'lost')
    try {
      const path = `/droplet/ticket/${encodeURIComponent(droplet)}`
      const { ticket } = await ask<{ ticket: string }>(path, { method: 'POST' })
      if (isOver) return
      open(ticket)
    } catch (error) {
      if (error instanceof Refusal) end(wordsFor(error))
      else lose()
    }
  }

  function open(ticket: string): void {
    const { columns, rows } = size()
    const address = addressOf(`/droplet/exec/${encodeURIComponent(droplet)}`)
    address.protocol = address.protocol.replace('http', 'ws')
    address.search = new URLSearchParams({
      columns: String(columns),
      rows: String(rows),
      ...(terminal !== undefined && { terminal }),
    }).toString()
    const own = new WebSocket(address, [PROTOCOL, `ticket.${ticket}`])
    own.binaryType = 'arraybuffer'
    own.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) listener.printed(new Uint8Array(data))
      else hear(JSON.parse(data))
    }
    own.onclose = ({ code }) => {
      if (isOver || socket !== own) return
      const why = closings[code]
      if (why !== undefined) end(exit ? `The shell has ended, with exit code ${exit}.` : why)
      else lose()
    }
    socket = own
  }

  function hear(said: { opened?: { terminal: string; resumed: boolean }; exit?: number | null }): void {
    if (said.exit !== undefined) exit = said.exit
    if (!said.opened) return
    const isAnother = terminal !== undefined && !said.opened.resumed
    terminal = said.opened.terminal
    lostAt = undefined
    if (said.opened.resumed || isAnother) listener.resumed()
    listener.state('open')
    send(JSON.stringify({ resize: size() }))
  }

  function lose(): void {
    if (isOver) return
    lostAt ??= Date.now()
    if (Date.now() - lostAt > GIVE_UP_MS) end('The connection was lost.')
    else {
      listener.state('lost')
      setTimeout(() => !isOver && void connect(), PAUSE_MS)
    }
  }

  function end(why: string): void {
    isOver = true
    listener.over(why)
  }
}
