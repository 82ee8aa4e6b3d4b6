import type { Matrix } from './matrix.ts'

const LIMIT_MS = 15_000

interface Ending {
  code: number
  reason: string
}

/** A terminal as a client has it. */
export interface TerminalClient extends AsyncDisposable {
  /** All that was printed. */
  text(): string
  /** What was said beside that, parsed. */
  said: unknown[]
  type(text: string): void
  resize(columns: number, rows: number): void
  /** Waits until this was printed. */
  until(pattern: RegExp): Promise<void>
  /** Waits for the end of the connection. */
  ended: Promise<Ending>
  /** Breaks the connection off, as a network does. */
  lose(): void
}

/** A ticket for a terminal in this droplet; any other answer than 200 is an error here. */
export async function takeTicket(matrix: Matrix, token: string, droplet: string): Promise<string> {
  const { status, body } = await matrix.call('POST', `/droplet/ticket/${droplet}`, token)
  if (status !== 200) throw new Error(`ticket for ${droplet}: ${status} ${JSON.stringify(body)}`)
  return (body as { ticket: string }).ticket
}

/** Opens a terminal with this ticket. */
export function openTerminal(
  matrix: Matrix,
  droplet: string,
  ticket: string,
  query = '',
  headers = {},
): TerminalClient {
  const url = `${matrix.url.replace(/^http/, 'ws')}/droplet/exec/${droplet}${query}`
  const socket = new WebSocket(url, { protocols: ['cikit.exec.v1', `ticket.${ticket}`], headers } as never)
  socket.binaryType = 'arraybuffer'
  const decoder = new TextDecoder()
  const said: unknown[] = []
  const { promise: ended, resolve } = Promise.withResolvers<Ending>()
  let printed = ''
  let heard = Promise.withResolvers<void>()
  const wake = () => {
    heard.resolve()
    heard = Promise.withResolvers()
  }
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') said.push(JSON.parse(data))
    else printed += decoder.decode(data, { stream: true })
    wake()
  }
  socket.onclose = ({ code, reason }) => {
    resolve({ code, reason })
    wake()
  }
  const opened = new Promise<void>(open => {
    socket.onopen = () => open()
  })
  const send = (data: string | Uint8Array<ArrayBuffer>) => void opened.then(() => socket.send(data))
  return {
    text: () => printed,
    said,
    ended,
    type: text => send(new TextEncoder().encode(text)),
    resize: (columns, rows) => send(JSON.stringify({ resize: { columns, rows } })),
    async until(pattern) {
      const limit = Promise.withResolvers<'late'>()
      const timer = setTimeout(limit.resolve, LIMIT_MS, 'late')
      while (!pattern.test(printed)) {
        const how = await Promise.race([heard.promise, limit.promise])
        if (how === 'late' || socket.readyState === WebSocket.CLOSED) break
      }
      clearTimeout(timer)
      if (!pattern.test(printed))
        throw new Error(`${pattern} was not printed: ${JSON.stringify(printed.slice(-2_000))}`)
    },
    lose: () => socket.terminate(),
    async [Symbol.asyncDispose]() {
      socket.close()
      await ended
    },
  }
}
