import { connect } from 'node:net'
import { validateExchange } from '../api/openapi-contract.ts'

/** A response to a request with a verbatim path. */
export interface RawResponse {
  status: number
  body: string
}

/**
 * Sends a request with a verbatim path, which `fetch` would normalise.
 * @param url its host and port are used
 */
export async function sendLiteralPath(url: string, method: string, path: string, token: string): Promise<RawResponse> {
  const { hostname, port, host } = new URL(url)
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${token}`,
    'Content-Length: 0',
    'Connection: close',
  ]
  const responseText = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(Number(port), hostname)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('end', () => resolve(Buffer.concat(chunks).toString()))
    socket.once('error', reject)
    socket.write(Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'utf8'))
  })
  const headEnd = responseText.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = responseText.slice(0, headEnd).split('\r\n')
  const headers = new Headers(lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1])
  const body = responseText.slice(headEnd + 4)
  // Bun itself answers malformed HTTP, without a request id.
  if (headers.has('x-request-id')) validateExchange({ method, path, status, headers, text: body })
  return { status, body }
}
