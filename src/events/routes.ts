import type { Server } from 'bun'
import { Elysia } from 'elysia'
import type { AuthService } from '../auth/service.ts'
import { ApiError } from '../errors.ts'
import type { Guard } from '../http/guards.ts'
import { IDLE_SECONDS } from '../http/idle.ts'
import { refuseQuery } from './model.ts'
import type { ReaderEnd } from './reader.ts'
import type { EventService } from './service.ts'

/** A connection on which nobody reads is closed within 4 s: so often Bun looks. */
const STUCK_SECONDS = 1

const headers = {
  'content-type': 'text/event-stream',
  // So that nginx passes on at once what it gets (ngx_http_proxy_module, proxy_buffering).
  'x-accel-buffering': 'no',
}

/** What happens, as server-sent events (WHATWG HTML section 9.2). */
export function createEventRoutes(guard: Guard, auth: AuthService, events: EventService) {
  return new Elysia({ name: 'event-routes', prefix: '/event' }).use(guard).get(
    '/stream',
    ({ caller, query, request, server }) => {
      refuseQuery(query)
      // Elysia asks a GET route for a HEAD, too: nobody would read that stream, nor ever end it.
      if (request.method === 'HEAD') return new Response(null, { headers })
      const sessionId = auth.sessionOf(caller.origin.token)
      if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
      const lastEventId = request.headers.get('last-event-id') || undefined
      const body = events.open(sessionId, lastEventId, how => limitIdle(server, request, how))
      server?.timeout(request, 0)
      return new Response(body, { headers })
    },
    { group: 'viewer' },
  )
}

/** The connection goes on without the stream, unless its client does not read. */
function limitIdle(server: Server<unknown> | null, request: Request, how: ReaderEnd): void {
  server?.timeout(request, how === 'cut' ? STUCK_SECONDS : IDLE_SECONDS)
}
