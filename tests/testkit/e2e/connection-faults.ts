import type { Socket } from 'node:net'
import type { ConnectionHandler } from '../docker/http-connection.ts'
import { rawHead, rawResponse, sendBytes, trickle } from '../docker/replies.ts'

const MIB = 1024 * 1024
const FLOOD_BYTES = 100 * MIB

/** An error of the engine. */
export const respondsWithError = rawResponse('500 Internal Server Error', '{"message":"layer store is gone"}')

/** An error of a proxy in front of the engine. */
export const respondsWithHtml = rawResponse('502 Bad Gateway', '<h1>502 Bad Gateway</h1>')

/** A complete HTTP response with incomplete JSON. */
export const sendsTruncatedJson = rawResponse('200 OK', '[{"Id":"7e16c2')

/** The part that is sent is valid JSON: an empty list. */
export const closesMidResponse: ConnectionHandler = client => {
  client.write(`${rawHead('200 OK', 1_000)}[]`, () => client.destroy())
}

export const redirectsTo = (location: string) =>
  sendBytes(`HTTP/1.1 301 Moved Permanently\r\nLocation: ${location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)

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
      client.write(`${rawHead('200 OK', FLOOD_BYTES + 2)}[`)
      writeMore()
    },
  }
  return flood
}

/** One byte a second of an empty list; complete after a quarter of an hour. */
export const trickles = trickle('[', 1_000, 1_000)

export { neverRespond as neverResponds } from '../docker/replies.ts'
