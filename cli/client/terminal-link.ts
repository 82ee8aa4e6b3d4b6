import { ClientError, catalogue } from '../../src/errors.ts'
import { escapeText } from '../../src/log.ts'

/** A server that says nothing for so long is away; it is asked for a sign of life before. */
const SILENCE_MS = 45_000
const ASK_EVERY_MS = 15_000
const NOT_CLOSED = 1006

export interface TerminalSize {
  columns: number
  rows: number
}

/** What the server says of a terminal, beside its bytes. */
export interface TerminalNews {
  opened: (terminal: string, resumed: boolean) => void
  printed: (bytes: Uint8Array) => void
}

/** How a connection ended. */
export interface LinkEnd {
  /** Of RFC 6455, or the server's own. */
  code: number
  reason: string
  /** The exit code of the shell, null when nobody knows; undefined when it goes on. */
  exit: number | null | undefined
}

export type TerminalLink = ReturnType<typeof createTerminalLink>

/**
 * A websocket as a terminal: binary messages are bytes, text is JSON.
 * @param news is told until the end
 */
export function createTerminalLink(socket: WebSocket, news: TerminalNews) {
  const opening = Promise.withResolvers<void>()
  const ending = Promise.withResolvers<LinkEnd>()
  let exit: LinkEnd['exit']
  let trouble = ''
  let heardAt = performance.now()
  const timer = setInterval(() => {
    if (performance.now() - heardAt > SILENCE_MS) socket.terminate()
    else if (socket.readyState === WebSocket.OPEN) socket.ping()
  }, ASK_EVERY_MS)
  const hear = () => {
    heardAt = performance.now()
  }
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('open', () => opening.resolve())
  for (const sign of ['ping', 'pong'] as const) socket.addEventListener(sign, hear)
  socket.addEventListener('message', ({ data }) => {
    hear()
    if (data instanceof ArrayBuffer) news.printed(new Uint8Array(data))
    else read(String(data))
  })
  socket.addEventListener('error', event => {
    trouble = 'message' in event ? String(event.message) : ''
  })
  socket.addEventListener('close', ({ code, reason }) => {
    clearInterval(timer)
    ending.resolve({ code, reason, exit })
    // Its reason comes with an event of its own, which may be the later one.
    setImmediate(() => opening.reject(toRefusal(trouble)))
  })

  return {
    /** @throws ClientError when it was refused, or the server is not there */
    opened: opening.promise,
    ended: ending.promise,
    type: (bytes: Uint8Array<ArrayBuffer>) => send(bytes),
    resize: (size: TerminalSize) => send(JSON.stringify({ resize: size })),
    close: () => socket.close(),
  }

  function send(data: Uint8Array<ArrayBuffer> | string): void {
    if (socket.readyState === WebSocket.OPEN) socket.send(data)
  }

  function read(text: string): void {
    const said = parse(text)
    if (said.opened) news.opened(said.opened.terminal, said.opened.resumed)
    if (said.exit !== undefined) exit = said.exit
  }
}

/** Whether the connection was lost, and its terminal may go on without it. */
export function isLost({ code, exit }: LinkEnd): boolean {
  return exit === undefined && code === NOT_CLOSED
}

interface Said {
  opened?: { terminal: string; resumed: boolean }
  exit?: number | null
}

function parse(text: string): Said {
  try {
    return JSON.parse(text)
  } catch {
    // What a later server says, it may be.
    return {}
  }
}

/** Of an answer that opens no websocket, its status is all that there is to know. */
function toRefusal(trouble: string): ClientError {
  const [, status] = /status code: (\d{3})/.exec(trouble) ?? []
  if (status === '429') return new ClientError('refused', catalogue.tooManyCommands.text)
  if (status === undefined || ['502', '503', '504'].includes(status)) {
    return new ClientError('unreachable', `The terminal cannot be opened: ${escapeText(trouble || 'no connection')}`)
  }
  return new ClientError('refused', `The server opens no terminal: it answered ${status}`)
}
