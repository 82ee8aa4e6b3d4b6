const encoder = new TextEncoder()

/** Reconnection time of clients, in milliseconds (WHATWG HTML section 9.2.6). */
export const RETRY_FRAME = encoder.encode('retry: 1000\n\n')
export const HEARTBEAT_FRAME = encoder.encode(':\n\n')

/**
 * Encodes an event (WHATWG HTML section 9.2.5); JSON contains no line breaks.
 * @param id sent back as `Last-Event-ID` when the client reconnects
 */
export function encodeSseEvent(name: string, data: unknown, id?: string): Uint8Array {
  return encoder.encode(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
}
