import type { Server } from 'bun'
import type { AuthService } from '../auth/service.ts'
import { ApiError } from '../errors.ts'
import type { ReaderEnd } from '../streams/reader.ts'
import type { Caller } from './guards.ts'
import { IDLE_SECONDS } from './idle.ts'

/** A connection on which nobody reads is closed within 4 s: so often Bun looks. */
const STUCK_SECONDS = 1

const headers = {
  'content-type': 'text/event-stream',
  // So that nginx passes on at once what it gets (ngx_http_proxy_module, proxy_buffering).
  'x-accel-buffering': 'no',
}

interface Call {
  caller: Pick<Caller, 'origin'>
  query: Record<string, unknown>
  request: Request
  server: Server<unknown> | null
}

/**
 * Server-sent events (WHATWG HTML section 9.2) for the session of the caller: what a stream tells depends on nothing but
 * who asks.
 * @throws ApiError 908, 917 for a query, and what `open` throws
 */
export function streamTo(
  { caller, query, request, server }: Call,
  auth: Pick<AuthService, 'sessionOf'>,
  open: (sessionId: string, over: (how: ReaderEnd) => void) => ReadableStream<Uint8Array>,
): Response {
  if (Object.keys(query).length > 0) throw new ApiError('malformed', { text: 'A stream of events takes no query' })
  // Elysia asks a GET route for a HEAD, too: nobody would read that stream, nor ever end it.
  if (request.method === 'HEAD') return new Response(null, { headers })
  const sessionId = auth.sessionOf(caller.origin.token)
  if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
  const body = open(sessionId, how => limitIdle(server, request, how))
  server?.timeout(request, 0)
  return new Response(body, { headers })
}

/** The connection goes on without the stream, unless its client does not read. */
function limitIdle(server: Server<unknown> | null, request: Request, how: ReaderEnd): void {
  server?.timeout(request, how === 'cut' ? STUCK_SECONDS : IDLE_SECONDS)
}
