import type { TerminalSize } from '../engine.ts'

// The terminal protocol over a WebSocket, shared by the server, the dashboard and the command line: binary messages are
// the terminal's bytes, text messages are JSON.

export const SUBPROTOCOL = 'cikit.exec.v1'
const TICKET_PREFIX = 'ticket.'

/** Columns or rows. */
export const MAX_TERMINAL_SIDE = 1_000

/** WebSocket close codes: those of RFC 6455 section 7.4, and our own from 4000. */
export const closeCodes = {
  /** The program has ended, or the client is done with it. */
  ended: 1000,
  /** The server is stopping. */
  goingAway: 1001,
  /** A text message that is not part of this protocol. */
  unsupported: 1003,
  /** The session has ended, or its user lost the right to open terminals. */
  notAllowed: 4401,
  /** The client, or the program, does not read. */
  tooSlow: 4408,
  /** Another connection has resumed the terminal. */
  takenOver: 4409,
} as const

/** A text message from the server: `opened` comes first, `exit` last. */
interface ServerMessage {
  opened?: { terminal: string; resumed: boolean }
  /** The exit code; null if it is unknown. */
  exit?: number | null
}

/** A text message from the client. */
interface ClientMessage {
  resize: TerminalSize
}

export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify(message)
}

export function encodeClientMessage(message: ClientMessage): string {
  return JSON.stringify(message)
}

/** @returns an empty message for anything that is not JSON, which a later server may send */
export function parseServerMessage(text: string): ServerMessage {
  try {
    const message: ServerMessage = JSON.parse(text)
    return message
  } catch {
    return {}
  }
}

/** Undefined for anything but a client's message. */
export function parseClientMessage(text: string): ClientMessage | undefined {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof message !== 'object' || message === null || !('resize' in message)) return undefined
  const { resize } = message
  if (typeof resize !== 'object' || resize === null || !('columns' in resize && 'rows' in resize)) return undefined
  const { columns, rows } = resize
  return isTerminalSide(columns) && isTerminalSide(rows) ? { resize: { columns, rows } } : undefined
}

/** The subprotocols that a client offers: ours, and one that carries its ticket. */
export function ticketProtocols(ticket: string): string[] {
  return [SUBPROTOCOL, `${TICKET_PREFIX}${ticket}`]
}

/**
 * The ticket among the offered subprotocols.
 * @param header `Sec-WebSocket-Protocol`
 * @returns undefined without a ticket, or when our subprotocol is not offered
 */
export function ticketFrom(header: string | null): string | undefined {
  const protocols = (header ?? '').split(',').map(name => name.trim())
  if (!protocols.includes(SUBPROTOCOL)) return undefined
  return protocols.find(name => name.startsWith(TICKET_PREFIX))?.slice(TICKET_PREFIX.length)
}

function isTerminalSide(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_TERMINAL_SIDE
}
