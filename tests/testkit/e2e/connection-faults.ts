import type { Socket } from 'node:net'
import { rawResponse } from '../docker/raw-docker.ts'

/** What a connection gets instead of the engine's answer. */
export type ConnectionFault = (client: Socket) => void

const MIB = 1024 * 1024
const FLOOD_BYTES = 100 * MIB

/** The engine refuses, in words of its own. */
export const respondsWithError: ConnectionFault = client => {
  client.end(rawResponse('500 Internal Server Error', '{"message":"layer store is gone"}').bytes)
}

/** A proxy before the engine has lost it. */
export const respondsWithHtml: ConnectionFault = client => {
  client.end(rawResponse('502 Bad Gateway', '<h1>502 Bad Gateway</h1>').bytes)
}

/** Complete in the terms of HTTP, and not in those of JSON. */
export const sendsTruncatedJson: ConnectionFault = client => {
  client.end(rawResponse('200 OK', '[{"Id":"7e16c2').bytes)
}

/** What came until then would be a list, and an empty one. */
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

/** 100 MB that are an empty list, for whoever reads to the end; `sent` counts what went out of all floods. */
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

/** A list that would be empty in a quarter of an hour: one byte a second. */
export const trickles: ConnectionFault = client => {
  client.write(rawResponse('200 OK', '[', 1_000).bytes)
  const timer = setInterval(() => client.write(' '), 1_000)
  client.once('close', () => clearInterval(timer))
}

export const neverResponds: ConnectionFault = () => {}
