import { connect, type Socket } from 'node:net'
import type { EngineAddress } from '../../config/types.ts'

const MAX_HEAD_BYTES = 16 * 1024
const MAX_ERROR_BYTES = 64 * 1024
/** Limit of unsent input. */
const MAX_BUFFERED_BYTES = 1024 * 1024
const HEAD_END = '\r\n\r\n'

/** A two-way byte stream. */
export interface UpgradedConnection {
  /** An unread stream blocks the sender. */
  output: AsyncIterable<Uint8Array>
  /** @returns false if the bytes were dropped because too much is buffered */
  write(bytes: Uint8Array): boolean
  close(): void
}

/** Any other response. */
interface UpgradeRejection {
  status: number
  text: string
}

/**
 * Upgrades a connection from HTTP to a raw stream (Engine API, "Attach to a container": `Upgrade: tcp`), which `fetch`
 * cannot do.
 * @param path including the version
 * @throws Error when the engine is unreachable or does not send a valid response in time
 */
export async function hijack(
  address: EngineAddress,
  path: string,
  json: unknown,
  timeoutMs: number,
): Promise<UpgradedConnection | UpgradeRejection> {
  const socket = connect(address.kind === 'unix' ? { path: address.path } : socketAddressOf(address.origin))
  const timer = setTimeout(() => socket.destroy(new Error(`silent for ${timeoutMs} ms`)), timeoutMs)
  try {
    const body = JSON.stringify(json)
    const head = ['Host: docker', 'Content-Type: application/json', 'Connection: Upgrade', 'Upgrade: tcp']
    const lines = [`POST ${path} HTTP/1.1`, ...head, `Content-Length: ${Buffer.byteLength(body)}`]
    socket.write(`${lines.join('\r\n')}${HEAD_END}${body}`)
    const { status, length } = await readHead(socket)
    // Engines that ignore the upgrade header respond with 200.
    if (status === 101 || status === 200) return upgraded(socket)
    const text = await readBody(socket, Math.min(length, MAX_ERROR_BYTES))
    socket.destroy()
    return { status, text }
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function upgraded(socket: Socket): UpgradedConnection {
  // Errors from here on end the output; without a listener they would be thrown.
  socket.on('error', () => undefined)
  return {
    output: socket,
    write(bytes) {
      if (socket.writableLength + bytes.byteLength > MAX_BUFFERED_BYTES) return false
      socket.write(bytes)
      return true
    },
    close: () => void socket.destroy(),
  }
}

function socketAddressOf(origin: string): { host: string; port: number } {
  const { hostname, port } = new URL(origin)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) }
}

async function readHead(socket: Socket): Promise<{ status: number; length: number }> {
  const head = await readUntil(socket, bytes => {
    const end = bytes.indexOf(HEAD_END)
    if (end === -1 && bytes.byteLength > MAX_HEAD_BYTES)
      throw new Error('The head of the engine’s response is too long')
    return end === -1 ? undefined : end + HEAD_END.length
  })
  const text = head.toString('latin1')
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? []
  if (status === undefined) throw new Error('The engine’s response is not HTTP')
  const [, length] = /^content-length: *(\d+)\r$/im.exec(text) ?? []
  return { status: Number(status), length: Number(length ?? 0) }
}

async function readBody(socket: Socket, length: number): Promise<string> {
  const bytes = await readUntil(socket, buffer => (buffer.byteLength >= length ? length : undefined))
  return bytes.toString('utf8')
}

/**
 * Reads until `findEnd` returns a length, and puts the rest back for the next reader.
 * @param findEnd the number of bytes to take; undefined to read on
 */
function readUntil(socket: Socket, findEnd: (bytes: Buffer) => number | undefined): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  let bytes: Buffer = Buffer.alloc(0)
  const cleanUp = () => {
    socket.pause()
    socket.off('data', onData).off('error', reject).off('close', onClose)
  }
  const onData = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    try {
      const length = findEnd(bytes)
      if (length === undefined) return
      cleanUp()
      if (length < bytes.byteLength) socket.unshift(bytes.subarray(length))
      resolve(bytes.subarray(0, length))
    } catch (error) {
      cleanUp()
      reject(error)
    }
  }
  const onClose = () => reject(new Error('The engine closed the connection'))
  socket.on('data', onData).on('error', reject).on('close', onClose)
  // A previous call paused it.
  socket.resume()
  return promise
}
