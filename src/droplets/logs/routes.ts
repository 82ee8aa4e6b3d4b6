import { Elysia } from 'elysia'
import type { Guard } from '../../api/http/guards.ts'
import { IDLE_TIMEOUT_SECONDS } from '../../api/http/idle-timeout.ts'
import type { AuthService } from '../../auth/service.ts'
import { ApiError } from '../../core/errors.ts'
import { parseLogQuery } from './options.ts'
import type { LogService } from './service.ts'

const headers = {
  // Whatever a droplet says, no browser is to find something else in it.
  'content-type': 'text/plain; charset=utf-8',
  'x-accel-buffering': 'no',
}

/** What a droplet says, as text. */
export function createLogRoutes(guard: Guard, context: { auth: AuthService; logs: LogService }) {
  const { auth, logs } = context
  return new Elysia({ name: 'log-routes', prefix: '/droplet' }).use(guard).get(
    '/logs/:droplet',
    async ({ caller, user, params, query, request, server }) => {
      const options = parseLogQuery(query)
      // Elysia asks a GET route for a HEAD, too, and nobody would read that.
      if (request.method === 'HEAD') return new Response(null, { headers })
      const sessionId = auth.sessionIdOf(caller.client.token)
      if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
      server?.timeout(request, 0)
      const onEnd = () => server?.timeout(request, IDLE_TIMEOUT_SECONDS)
      return new Response(await logs.read(params.droplet, options, { userId: user.id, sessionId, onEnd }), { headers })
    },
    { group: 'viewer' },
  )
}
