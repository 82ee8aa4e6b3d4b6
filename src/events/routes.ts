import { Elysia } from 'elysia'
import { noQuery } from '../api/http/fields.ts'
import type { Guard } from '../api/http/guards.ts'
import { sseResponse } from '../api/http/sse.ts'
import type { AuthService } from '../auth/service.ts'
import type { EventService } from './service.ts'

/** The stream of events (server-sent events, WHATWG HTML section 9.2). */
export function createEventRoutes(guard: Guard, auth: AuthService, events: EventService) {
  return new Elysia({ name: 'event-routes', prefix: '/event' }).use(guard).get(
    '/stream',
    call => {
      const lastEventId = call.request.headers.get('last-event-id') || undefined
      return sseResponse(call, auth, (sessionId, onEnd) => events.open(sessionId, lastEventId, onEnd))
    },
    { group: 'viewer', query: noQuery },
  )
}
