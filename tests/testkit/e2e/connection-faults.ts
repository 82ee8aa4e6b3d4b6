import type { Socket } from 'node:net'
import { rawResponse } from '../docker/raw-docker.ts'

/** Responds on a connection in the engine's place. */
export type ConnectionFault = (client: Socket) => void

const MIB = 1024 * 1024
const FLOOD_BYTES = 100 * MIB

/** An error of the engine. */
export const respondsWithError: ConnectionFault = client => {
  client.end(rawResponse('500 Internal Server Error', '{"message":"layer store is gone"}').bytes)
}

/** An error of a proxy in front of the engine. */
export const respondsWithHtml: ConnectionFault = client => {
  client.end(rawResponse('502 Bad Gateway', '<h1>502 Bad Gateway</h1>').bytes)
}

/** A complete HTTP response with incomplete JSON. */
export const sendsTruncatedJson: ConnectionFault = client => {
  client.end(rawResponse('200 OK', '[{"Id":"7e16c2').bytes)
}

/** The part that is sent is valid JSON: an empty list. */
export const closesMidResponse: ConnectionFault = client => {
  client.write(rawResponse('200 OK', '[]', 1_000).bytes, () => client.destroy())
}

export const redirectsTo =
  (location: string): ConnectionFault =>
  client => {
    client.end(
      `HTTP/1.1 301 Moved Permanently\r\nLocation: ${location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    )
  }

/** 100 MB that parse as an empty list; `sentBytes` counts the bytes of all floods. */
export function createFlood() {
  const chunk = Buffer.alloc(MIB, ' ')
  const flood = {
    sentBytes: 0,
    respond: (client: Socket) => {
      let remaining = FLOOD_BYTES
      const writeMore = () => {
        while (remaining > 0 && !client.destroyed) {
          remaining -= chunk.length
          flood.sentBytes += chunk.length
          if (!client.write(chunk)) return void client.once('drain', writeMore)
        }
        client.end(']')
      }
      client.write(rawResponse('200 OK', '[', FLOOD_BYTES + 2).bytes)
      writeMore()
    },
  }
  return flood
}

/** One byte a second of an empty list; complete after a quarter of an hour. */
export const trickles: ConnectionFault = client => {
  client.write(rawResponse('200 OK', '[', 1_000).bytes)
  const timer = setInterval(() => client.write(' '), 1_000)
  client.once('close', () => clearInterval(timer))
}

export const neverResponds: ConnectionFault = () => {}
