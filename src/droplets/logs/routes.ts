import { Elysia } from 'elysia'
import type { Guard } from '../../api/http/guards.ts'
import { IDLE_TIMEOUT_SECONDS } from '../../api/http/idle-timeout.ts'
import type { AuthService } from '../../auth/service.ts'
import { ApiError } from '../../core/errors.ts'
import { DEFAULT_LINES } from './options.ts'
import { logQuery } from './schema.ts'
import type { LogService } from './service.ts'

const headers = {
  // Log output is untrusted; browsers must not interpret it as HTML.
  'content-type': 'text/plain; charset=utf-8',
  'x-accel-buffering': 'no',
}

/** Logs of a droplet, as text. */
export function createLogRoutes(guard: Guard, context: { auth: AuthService; logs: LogService }) {
  const { auth, logs } = context
  return new Elysia({ name: 'log-routes', prefix: '/droplet' }).use(guard).get(
    '/logs/:droplet',
    async ({ client, user, params, query, request, server }) => {
      // Elysia calls the GET handler for a HEAD request; its body would never be read.
      if (request.method === 'HEAD') return new Response(null, { headers })
      const sessionId = auth.sessionIdOf(client.token)
      if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
      server?.timeout(request, 0)
      const onEnd = () => server?.timeout(request, IDLE_TIMEOUT_SECONDS)
      const reader = { userId: user.id, sessionId, onEnd }
      const { source = 'journal', lines, follow } = query
      const options = { source, lines: Number(lines || DEFAULT_LINES), follow: follow === 'true' }
      return new Response(await logs.read(params.droplet, options, reader), { headers })
    },
    { group: 'viewer', query: logQuery },
  )
}
