import type { ServerWebSocket, WebSocketHandler } from 'bun'
import { closeCodes, parseClientMessage } from './protocol.ts'
import type { Terminal, TerminalClient } from './terminal.ts'
import type { Terminals } from './terminals.ts'

/** The state of one WebSocket. */
export interface TerminalSocketData {
  terminals: Terminals
  terminal: Terminal
  resumed: boolean
  /** Set once the WebSocket is open. */
  client?: TerminalClient
}

/** Large enough for a long paste. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** WebSockets of terminals (RFC 6455); see `protocol.ts` for the messages. */
export const terminalSocketHandler: WebSocketHandler<TerminalSocketData> = {
  maxPayloadLength: MAX_MESSAGE_BYTES,
  idleTimeout: 60,
  sendPings: true,

  open(socket) {
    const { terminals, terminal, resumed } = socket.data
    const client = clientOf(socket)
    socket.data.client = client
    terminals.attach(terminal, client, resumed)
  },

  message(socket, message) {
    const { terminal } = socket.data
    if (typeof message !== 'string') {
      if (!terminal.write(message)) socket.close(closeCodes.tooSlow, 'The program does not read')
      return
    }
    const control = parseClientMessage(message)
    if (control) terminal.resize(control.resize).catch(() => undefined)
    else socket.close(closeCodes.unsupported, 'Text is {"resize":{"columns":80,"rows":24}}')
  },

  drain: socket => socket.data.terminal.onDrain(),

  close({ data: { terminals, terminal, client } }, code) {
    if (!client) return
    // A normal closure means that the client will not reconnect (RFC 6455 section 7.4.1).
    if (code === closeCodes.ended) terminals.endByClient(terminal, client)
    else terminals.detachClient(terminal, client)
  },
}

function clientOf(socket: ServerWebSocket<TerminalSocketData>): TerminalClient {
  return {
    bufferedBytes: () => socket.getBufferedAmount(),
    send: data => void socket.send(data),
    close: (code, reason) => socket.close(code, reason),
  }
}
