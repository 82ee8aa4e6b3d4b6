import { ClientError, catalogue } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import type { TerminalSize } from '../../../src/droplets/engine.ts'
import { encodeClientMessage, parseServerMessage } from '../../../src/droplets/exec/protocol.ts'

/** A connection without a message or pong for this long is lost. */
const SILENCE_TIMEOUT_MS = 45_000
const PING_INTERVAL_MS = 15_000
const ABNORMAL_CLOSURE = 1006

/** Receives events of a terminal until it ends. */
export interface TerminalListener {
  onOpened: (terminal: string, resumed: boolean) => void
  onOutput: (bytes: Uint8Array) => void
}

export interface TerminalConnectionEnd {
  /** Close code of RFC 6455, or the server's own. */
  code: number
  reason: string
  /** The shell's exit code, or null if it is unknown; undefined if the shell still runs. */
  exitCode: number | null | undefined
}

/** A terminal over a websocket: binary messages carry bytes, text messages JSON. */
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
    // The error event carries the reason, and may come after the close event.
    setImmediate(() => opened.reject(toOpenError(errorText)))
  })

  return {
    /** @throws ClientError if the server rejects it or is unreachable */
    opened: opened.promise,
    ended: ended.promise,
    sendInput: (bytes: Uint8Array<ArrayBuffer>) => send(bytes),
    resize: (size: TerminalSize) => send(encodeClientMessage({ resize: size })),
    close: () => socket.close(),
  }

  function send(data: Uint8Array<ArrayBuffer> | string): void {
    if (socket.readyState === WebSocket.OPEN) socket.send(data)
  }

  function handleMessage(text: string): void {
    const message = parseServerMessage(text)
    if (message.opened) listener.onOpened(message.opened.terminal, message.opened.resumed)
    if (message.exit !== undefined) exitCode = message.exit
  }
}

/** Whether the connection was lost while the terminal may still run. */
export function isLost({ code, exitCode }: TerminalConnectionEnd): boolean {
  return exitCode === undefined && code === ABNORMAL_CLOSURE
}

/** Bun reports only the status of a rejected websocket, in the error text. */
function toOpenError(errorText: string): ClientError {
  const [, status] = /status code: (\d{3})/.exec(errorText) ?? []
  if (status === '429') return new ClientError('refused', catalogue.tooManyCommands.text)
  if (status === undefined || ['502', '503', '504'].includes(status)) {
    return new ClientError('unreachable', `The terminal cannot be opened: ${escapeText(errorText || 'no connection')}`)
  }
  return new ClientError('refused', `The terminal cannot be opened: the server answered ${status}`)
}
