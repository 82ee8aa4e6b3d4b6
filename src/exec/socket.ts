import type { ServerWebSocket, WebSocketHandler } from 'bun'
import { parseTerminalMessage } from './model.ts'
import { closings, type Peer, type Terminal } from './terminal.ts'
import type { Terminals } from './terminals.ts'

/** A websocket that was asked for, and what it is to be the client of. */
export interface TerminalSocket {
  terminals: Terminals
  terminal: Terminal
  resumed: boolean
  /** From its opening on. */
  peer?: Peer
}

/** A paste is long, and nothing else is. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** The websockets of terminals (RFC 6455): binary messages are bytes of the terminal, text is JSON. */
export const terminalSockets: WebSocketHandler<TerminalSocket> = {
  maxPayloadLength: MAX_MESSAGE_BYTES,
  idleTimeout: 60,
  sendPings: true,

  open(socket) {
    const { terminals, terminal, resumed } = socket.data
    const peer = peerOf(socket)
    socket.data.peer = peer
    terminals.attach(terminal, peer, resumed)
  },

  message(socket, message) {
    const { terminal } = socket.data
    if (typeof message !== 'string') {
      if (!terminal.write(message)) socket.close(closings.tooSlow, 'The program does not read')
      return
    }
    const said = parseTerminalMessage(message)
    if (said) terminal.resize(said.resize).catch(() => undefined)
    else socket.close(closings.unsupported, 'Text is {"resize":{"columns":80,"rows":24}}')
  },

  drain: socket => socket.data.terminal.drained(),

  close({ data: { terminals, terminal, peer } }, code) {
    if (!peer) return
    // Who says that all is done is not coming back (RFC 6455 section 7.4.1).
    if (code === closings.ended) terminals.finish(terminal, peer)
    else terminals.leave(terminal, peer)
  },
}

function peerOf(socket: ServerWebSocket<TerminalSocket>): Peer {
  return {
    waiting: () => socket.getBufferedAmount(),
    send: data => void socket.send(data),
    close: (code, reason) => socket.close(code, reason),
  }
}
