import { Elysia } from 'elysia'
import type { Guard } from '../http/guards.ts'
import { okBody } from '../http/model.ts'
import { sessionList, toSessionList } from './model.ts'
import type { AuthService } from './service.ts'

/** Where a user is logged in: for itself, and for the owner. */
export function createSessionRoutes(guard: Guard, auth: AuthService) {
  return new Elysia({ name: 'session-routes', prefix: '/user' })
    .use(guard)
    .get('/sessions/:user', ({ user, params }) => toSessionList(auth.listSessions(user, params.user)), {
      group: 'viewer',
      response: { 200: sessionList },
    })
    .delete(
      '/session/:id',
      async ({ user, params }) => {
        await auth.endSession(user, params.id)
        return { status: 'ok' as const }
      },
      { group: 'viewer', response: { 200: okBody } },
    )
}
