import type { ServerProcess } from './server-process.ts'

const TIMEOUT_MS = 15_000

interface TerminalClose {
  code: number
  reason: string
}

/** A client of a terminal connection. */
export interface TerminalClient extends AsyncDisposable {
  /** All output so far. */
  text(): string
  /** Parsed control messages. */
  messages: unknown[]
  type(text: string): void
  resize(columns: number, rows: number): void
  /** Waits until the output matches. */
  waitFor(pattern: RegExp): Promise<void>
  /** Resolves when the connection is closed. */
  closed: Promise<TerminalClose>
  /** Drops the connection without a close frame, as a network failure does. */
  dropConnection(): void
}

/** Requests a ticket for a terminal in this droplet. @throws Error for any status other than 200 */
export async function requestTicket(server: ServerProcess, token: string, droplet: string): Promise<string> {
  const { status, body } = await server.call('POST', `/droplet/ticket/${droplet}`, token)
  if (status !== 200) throw new Error(`ticket for ${droplet}: ${status} ${JSON.stringify(body)}`)
  return (body as { ticket: string }).ticket
}

export function openTerminal(
  server: ServerProcess,
  droplet: string,
  ticket: string,
  query = '',
  headers = {},
): TerminalClient {
  const url = `${server.url.replace(/^http/, 'ws')}/droplet/exec/${droplet}${query}`
  const socket = new WebSocket(url, { protocols: ['cikit.exec.v1', `ticket.${ticket}`], headers })
  socket.binaryType = 'arraybuffer'
  const decoder = new TextDecoder()
  const messages: unknown[] = []
  const { promise: closed, resolve } = Promise.withResolvers<TerminalClose>()
  let output = ''
  let received = Promise.withResolvers<void>()
  const notify = () => {
    received.resolve()
    received = Promise.withResolvers()
  }
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') messages.push(JSON.parse(data))
    else output += decoder.decode(data, { stream: true })
    notify()
  }
  socket.onclose = ({ code, reason }) => {
    resolve({ code, reason })
    notify()
  }
  const opened = new Promise<void>(resolveOpen => {
    socket.onopen = () => resolveOpen()
  })
  const send = (data: string | Uint8Array<ArrayBuffer>) => void opened.then(() => socket.send(data))
  return {
    text: () => output,
    messages,
    closed,
    type: keys => send(new TextEncoder().encode(keys)),
    resize: (columns, rows) => send(JSON.stringify({ resize: { columns, rows } })),
    async waitFor(pattern) {
      const limit = Promise.withResolvers<'late'>()
      const timer = setTimeout(limit.resolve, TIMEOUT_MS, 'late')
      while (!pattern.test(output)) {
        const outcome = await Promise.race([received.promise, limit.promise])
        if (outcome === 'late' || socket.readyState === WebSocket.CLOSED) break
      }
      clearTimeout(timer)
      if (!pattern.test(output)) throw new Error(`${pattern} did not appear: ${JSON.stringify(output.slice(-2_000))}`)
    },
    dropConnection: () => socket.terminate(),
    async [Symbol.asyncDispose]() {
      socket.close()
      await closed
    },
  }
}
