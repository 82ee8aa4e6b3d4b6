import { Elysia, status } from 'elysia'
import { leaveUnlogged } from '../http/exchange.ts'
import type { Guard } from '../http/guards.ts'
import { serverHealthBody } from './model.ts'
import type { ServerHealthWatch } from './service.ts'

/** For whoever watches over the server: open to all, and nothing in it that not everybody could find out. */
export function createHealthRoutes(guard: Guard, serverHealth: Pick<ServerHealthWatch, 'look'>) {
  return new Elysia({ name: 'health-routes' }).use(guard).get(
    '/health',
    ({ request }) => {
      const found = serverHealth.look()
      if (found.status === 'failed') return status(503, found)
      leaveUnlogged(request)
      return status(200, found)
    },
    { open: true, response: { 200: serverHealthBody, 503: serverHealthBody } },
  )
}
