import type { TagSection } from '../../api/openapi/description.ts'
import { serverHealthBody } from './schema.ts'

export const healthSection: TagSection = {
  name: 'Health',
  description: 'For load balancers, monitoring and `docker ps`.',
  models: { ServerHealth: serverHealthBody },
  routes: {
    'GET /health': {
      summary: 'Get the health of the server',
      description: 'Uses cached state and contains nothing confidential.',
      access: 'open',
      responses: {
        200: {
          description: 'The server works, possibly degraded',
          schema: serverHealthBody,
          example: { status: 'ok', engine: 'ok', store: 'ok' },
        },
        503: {
          description: 'The server does not work',
          schema: serverHealthBody,
          example: { status: 'failed', engine: 'ok', store: 'unusable' },
        },
      },
    },
  },
}
