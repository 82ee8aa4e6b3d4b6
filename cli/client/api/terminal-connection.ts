import { ClientError, catalogue } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'

/** A server that says nothing for so long is away; it is asked for a sign of life before. */
const SILENCE_TIMEOUT_MS = 45_000
const PING_INTERVAL_MS = 15_000
const ABNORMAL_CLOSURE = 1006

export interface TerminalSize {
  columns: number
  rows: number
}

/** What the server says of a terminal, beside its bytes. */
export interface TerminalListener {
  onOpened: (terminal: string, resumed: boolean) => void
  onOutput: (bytes: Uint8Array) => void
}

/** How a connection ended. */
export interface TerminalConnectionEnd {
  /** Of RFC 6455, or the server's own. */
  code: number
  reason: string
  /** The exit code of the shell, null when nobody knows; undefined when it goes on. */
  exitCode: number | null | undefined
}

export type TerminalConnection = ReturnType<typeof createTerminalConnection>

/**
 * A websocket as a terminal: binary messages are bytes, text is JSON.
 * @param listener is told until the end
 */
export function createTerminalConnection(socket: WebSocket, listener: TerminalListener) {
  const opened = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<TerminalConnectionEnd>()
  let exitCode: TerminalConnectionEnd['exitCode']
  let errorText = ''
  let lastActivityAt = performance.now()
  const timer = setInterval(() => {
    if (performance.now() - lastActivityAt > SILENCE_TIMEOUT_MS) socket.terminate()
    else if (socket.readyState === WebSocket.OPEN) socket.ping()
  }, PING_INTERVAL_MS)
  const onActivity = () => {
    lastActivityAt = performance.now()
  }
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('open', () => opened.resolve())
  for (const eventName of ['ping', 'pong'] as const) socket.addEventListener(eventName, onActivity)
  socket.addEventListener('message', ({ data }) => {
    onActivity()
    if (data instanceof ArrayBuffer) listener.onOutput(new Uint8Array(data))
    else handleMessage(String(data))
  })
  socket.addEventListener('error', event => {
    errorText = 'message' in event ? String(event.message) : ''
  })
  socket.addEventListener('close', ({ code, reason }) => {
    clearInterval(timer)
    ended.resolve({ code, reason, exitCode })
    // Its reason comes with an event of its own, which may be the later one.
    setImmediate(() => opened.reject(toOpenError(errorText)))
  })

  return {
    /** @throws ClientError when it was refused, or the server is not there */
    opened: opened.promise,
    ended: ended.promise,
    sendInput: (bytes: Uint8Array<ArrayBuffer>) => send(bytes),
    resize: (size: TerminalSize) => send(JSON.stringify({ resize: size })),
    close: () => socket.close(),
  }

  function send(data: Uint8Array<ArrayBuffer> | string): void {
    if (socket.readyState === WebSocket.OPEN) socket.send(data)
  }

  function handleMessage(text: string): void {
    const message = parseMessage(text)
    if (message.opened) listener.onOpened(message.opened.terminal, message.opened.resumed)
    if (message.exit !== undefined) exitCode = message.exit
  }
}

/** Whether the connection was lost, and its terminal may go on without it. */
export function isLost({ code, exitCode }: TerminalConnectionEnd): boolean {
  return exitCode === undefined && code === ABNORMAL_CLOSURE
}

interface ServerMessage {
  opened?: { terminal: string; resumed: boolean }
  exit?: number | null
}

function parseMessage(text: string): ServerMessage {
  try {
    return JSON.parse(text)
  } catch {
    // What a later server says, it may be.
    return {}
  }
}

/** Of an answer that opens no websocket, its status is all that there is to know. */
function toOpenError(errorText: string): ClientError {
  const [, status] = /status code: (\d{3})/.exec(errorText) ?? []
  if (status === '429') return new ClientError('refused', catalogue.tooManyCommands.text)
  if (status === undefined || ['502', '503', '504'].includes(status)) {
    return new ClientError('unreachable', `The terminal cannot be opened: ${escapeText(errorText || 'no connection')}`)
  }
  return new ClientError('refused', `The server opens no terminal: it answered ${status}`)
}
