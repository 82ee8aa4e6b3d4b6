import type { TagSection } from '../../api/openapi/description.ts'
import { serverHealthBody } from './schema.ts'

/** What the document says of how the server is. */
export const healthSection: TagSection = {
  name: 'Health',
  description: 'For whoever watches over the server: a load balancer, a monitor, `docker ps`.',
  models: { ServerHealth: serverHealthBody },
  routes: {
    'GET /health': {
      summary: 'Tell how the server is',
      description: 'Asks nobody, and holds nothing that not everybody could find out.',
      access: 'open',
      responses: {
        200: {
          description: 'It serves, if not all of it works',
          schema: serverHealthBody,
          example: { status: 'ok', engine: 'ok', store: 'ok' },
        },
        503: {
          description: 'It cannot serve',
          schema: serverHealthBody,
          example: { status: 'failed', engine: 'ok', store: 'unusable' },
        },
      },
    },
  },
}
