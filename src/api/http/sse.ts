import type { Server } from 'bun'
import type { AuthService } from '../../auth/service.ts'
import { ApiError } from '../../core/errors.ts'
import type { StreamEnd } from '../streams/subscriber-stream.ts'
import type { Caller } from './guards.ts'
import { IDLE_TIMEOUT_SECONDS } from './idle-timeout.ts'

/** A connection on which nobody reads is closed within 4 s: so often Bun looks. */
const STALLED_TIMEOUT_SECONDS = 1

const sseHeaders = {
  'content-type': 'text/event-stream',
  // So that nginx passes on at once what it gets (ngx_http_proxy_module, proxy_buffering).
  'x-accel-buffering': 'no',
}

interface StreamRequest {
  caller: Pick<Caller, 'client'>
  query: Record<string, unknown>
  request: Request
  server: Server<unknown> | null
}

/**
 * Server-sent events (WHATWG HTML section 9.2) for the session of the caller: what a stream tells depends on nothing but
 * who asks.
 * @throws ApiError 908, 917 for a query, and what `open` throws
 */
export function sseResponse(
  { caller, query, request, server }: StreamRequest,
  auth: Pick<AuthService, 'sessionIdOf'>,
  openStream: (sessionId: string, onEnd: (reason: StreamEnd) => void) => ReadableStream<Uint8Array>,
): Response {
  if (Object.keys(query).length > 0) throw new ApiError('malformed', { text: 'A stream of events takes no query' })
  // Elysia asks a GET route for a HEAD, too: nobody would read that stream, nor ever end it.
  if (request.method === 'HEAD') return new Response(null, { headers: sseHeaders })
  const sessionId = auth.sessionIdOf(caller.client.token)
  if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
  const body = openStream(sessionId, reason => restoreIdleTimeout(server, request, reason))
  server?.timeout(request, 0)
  return new Response(body, { headers: sseHeaders })
}

/** The connection goes on without the stream, unless its client does not read. */
function restoreIdleTimeout(server: Server<unknown> | null, request: Request, reason: StreamEnd): void {
  server?.timeout(request, reason === 'cut' ? STALLED_TIMEOUT_SECONDS : IDLE_TIMEOUT_SECONDS)
}
