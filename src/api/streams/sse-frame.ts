const encoder = new TextEncoder()

/** How long a client that lost its stream waits before it comes back, in milliseconds (WHATWG HTML section 9.2.6). */
export const RETRY_FRAME = encoder.encode('retry: 1000\n\n')
export const HEARTBEAT_FRAME = encoder.encode(':\n\n')

/**
 * An event as a stream carries it (WHATWG HTML section 9.2.5): JSON on one line, since no line break is left in it.
 * @param id where a client goes on that comes back
 */
export function encodeSseEvent(name: string, data: unknown, id?: string): Uint8Array {
  return encoder.encode(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
}
