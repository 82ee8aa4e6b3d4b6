import type { Server } from 'bun'
import type { ClientInfo } from '../../auth/login.ts'
import type { AuthService } from '../../auth/service.ts'
import { ApiError } from '../../core/errors.ts'
import type { StreamEnd } from '../streams/subscriber-stream.ts'
import { IDLE_TIMEOUT_SECONDS } from './idle-timeout.ts'

/** Bun checks idle connections every 4 s, so a stalled one is closed within that time. */
const STALLED_TIMEOUT_SECONDS = 1

const sseHeaders = {
  'content-type': 'text/event-stream',
  // Turns off buffering in nginx (ngx_http_proxy_module, proxy_buffering).
  'x-accel-buffering': 'no',
}

interface StreamRequest {
  client: ClientInfo
  request: Request
  server: Server<unknown> | null
}

/**
 * Server-sent events (WHATWG HTML section 9.2) for the client's session.
 * @throws ApiError 908, and what `openStream` throws
 */
export function sseResponse(
  { client, request, server }: StreamRequest,
  auth: Pick<AuthService, 'sessionIdOf'>,
  openStream: (sessionId: string, onEnd: (reason: StreamEnd) => void) => ReadableStream<Uint8Array>,
): Response {
  // Elysia calls the GET handler for a HEAD request; that stream would never be read or closed.
  if (request.method === 'HEAD') return new Response(null, { headers: sseHeaders })
  const sessionId = auth.sessionIdOf(client.token)
  if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
  const body = openStream(sessionId, reason => restoreIdleTimeout(server, request, reason))
  server?.timeout(request, 0)
  return new Response(body, { headers: sseHeaders })
}

/** The connection can be reused after the stream, unless the client has stopped reading. */
function restoreIdleTimeout(server: Server<unknown> | null, request: Request, reason: StreamEnd): void {
  server?.timeout(request, reason === 'cut' ? STALLED_TIMEOUT_SECONDS : IDLE_TIMEOUT_SECONDS)
}
