import { Elysia } from 'elysia'
import { noQuery } from '../../api/http/fields.ts'
import type { Guard } from '../../api/http/guards.ts'
import { sseResponse } from '../../api/http/sse.ts'
import type { AuthService } from '../../auth/service.ts'
import type { DropletService } from '../service.ts'
import { statsBody } from './schema.ts'
import type { StatsService } from './service.ts'
import { toStatsBody } from './to-body.ts'

/** Resource usage: the last hour of one droplet, and a stream of all. */
export function createStatsRoutes(
  guard: Guard,
  context: { auth: AuthService; droplets: Pick<DropletService, 'find'>; stats: StatsService },
) {
  const { auth, droplets, stats } = context
  return new Elysia({ name: 'stats-routes', prefix: '/droplet' })
    .use(guard)
    .get('/stats', call => sseResponse(call, auth, stats.open), { group: 'viewer', query: noQuery })
    .get(
      '/stats/:droplet',
      async ({ params }) => {
        const { id, name } = await droplets.find(params.droplet)
        return toStatsBody(name, stats.samplesOf(id))
      },
      { group: 'viewer', response: { 200: statsBody } },
    )
}
