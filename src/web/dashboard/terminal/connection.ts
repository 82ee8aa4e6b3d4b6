import { errorMessage } from '../../../core/error-message.ts'
import {
  closeCodes,
  encodeClientMessage,
  parseServerMessage,
  ticketProtocols,
} from '../../../droplets/exec/protocol.ts'
import { requestJson } from '../api/client.ts'
import { apiUrl, ResponseError } from '../api/http.ts'

/** The server keeps a disconnected terminal for a minute. */
const RECONNECT_TIMEOUT_MS = 60_000
const RECONNECT_DELAY_MS = 1_000

/** Close codes after which the terminal cannot be resumed. Any other code is a lost connection. */
const closeReasons: Record<number, string> = {
  [closeCodes.ended]: 'The shell has exited.',
  [closeCodes.notAllowed]: 'Your session has ended, or you no longer have access.',
  [closeCodes.tooSlow]: 'The terminal was closed because this page could not keep up with its output.',
  [closeCodes.takenOver]: 'The terminal was opened elsewhere.',
}

interface TerminalSize {
  columns: number
  rows: number
}

interface TerminalListener {
  onOutput: (bytes: Uint8Array) => void
  /** The server sends recent output again; clear the screen first. */
  onReplay: () => void
  onStateChange: (state: 'connecting' | 'open' | 'lost') => void
  onEnd: (reason: string) => void
}

/** Opens a terminal in a droplet, and resumes it when the connection is lost. */
export function connectTerminal(droplet: string, getSize: () => TerminalSize, listener: TerminalListener) {
  const encoder = new TextEncoder()
  let socket: WebSocket | undefined
  let terminalId: string | undefined
  let exitCode: number | null | undefined
  let lostAt: number | undefined
  let isEnded = false
  void connect()

  return {
    sendText: (text: string): void => send(encoder.encode(text)),
    sendBytes: (bytes: Uint8Array<ArrayBuffer>): void => send(bytes),
    resize: (): void => send(encodeClientMessage({ resize: getSize() })),
    /** Also ends the shell. */
    close(): void {
      isEnded = true
      socket?.close(closeCodes.ended)
    },
  }

  function send(data: string | Uint8Array<ArrayBuffer>): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(data)
  }

  async function connect(): Promise<void> {
    listener.onStateChange(lostAt === undefined ? 'connecting' : 'lost')
    try {
      const path = `/droplet/ticket/${encodeURIComponent(droplet)}`
      const { ticket } = await requestJson<{ ticket: string }>(path, { method: 'POST' })
      if (isEnded) return
      openSocket(ticket)
    } catch (error) {
      if (error instanceof ResponseError) finish(errorMessage(error))
      else handleDisconnect()
    }
  }

  function openSocket(ticket: string): void {
    const { columns, rows } = getSize()
    const url = apiUrl(`/droplet/exec/${encodeURIComponent(droplet)}`)
    url.protocol = url.protocol.replace('http', 'ws')
    url.search = new URLSearchParams({
      columns: String(columns),
      rows: String(rows),
      ...(terminalId !== undefined && { terminal: terminalId }),
    }).toString()
    const newSocket = new WebSocket(url, ticketProtocols(ticket))
    newSocket.binaryType = 'arraybuffer'
    newSocket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) listener.onOutput(new Uint8Array(data))
      else handleControlMessage(data)
    }
    newSocket.onclose = ({ code }) => {
      if (isEnded || socket !== newSocket) return
      const reason = closeReasons[code]
      if (reason !== undefined) finish(exitCode ? `The shell exited with code ${exitCode}.` : reason)
      else handleDisconnect()
    }
    socket = newSocket
  }

  function handleControlMessage(json: string): void {
    const message = parseServerMessage(json)
    if (message.exit !== undefined) exitCode = message.exit
    if (!message.opened) return
    const isNewShell = terminalId !== undefined && !message.opened.resumed
    terminalId = message.opened.terminal
    lostAt = undefined
    if (message.opened.resumed || isNewShell) listener.onReplay()
    listener.onStateChange('open')
    send(encodeClientMessage({ resize: getSize() }))
  }

  function handleDisconnect(): void {
    if (isEnded) return
    lostAt ??= Date.now()
    if (Date.now() - lostAt > RECONNECT_TIMEOUT_MS) finish('The connection was lost.')
    else {
      listener.onStateChange('lost')
      setTimeout(() => !isEnded && void connect(), RECONNECT_DELAY_MS)
    }
  }

  function finish(reason: string): void {
    isEnded = true
    listener.onEnd(reason)
  }
}
