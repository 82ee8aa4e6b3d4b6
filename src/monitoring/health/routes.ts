import { Elysia, status } from 'elysia'
import type { Guard } from '../../api/http/guards.ts'
import { excludeFromLog } from '../../api/http/request-context.ts'
import { serverHealthBody } from './schema.ts'
import type { ServerHealthChecker } from './service.ts'

/** For load balancers and monitoring. The response is public. */
export function createHealthRoutes(guard: Guard, serverHealth: Pick<ServerHealthChecker, 'check'>) {
  return new Elysia({ name: 'health-routes' }).use(guard).get(
    '/health',
    ({ request }) => {
      const health = serverHealth.check()
      if (health.status === 'failed') return status(503, health)
      excludeFromLog(request)
      return status(200, health)
    },
    { open: true, response: { 200: serverHealthBody, 503: serverHealthBody } },
  )
}
