import type { RouteDescriptions } from '../../api/openapi/description.ts'
import { logQuery } from './schema.ts'

export const logRoutes: RouteDescriptions = {
  'GET /api/v1/droplet/logs/:droplet': {
    summary: 'Get logs',
    description:
      'Unmodified bytes: display them only as text. With `follow` the response continues until the session ends, the droplet stops or the client disconnects.',
    access: 'viewer',
    query: logQuery,
    responses: {
      200: {
        description: 'Lines of text',
        type: 'text/plain; charset=utf-8',
        schema: { type: 'string' },
        example: '2026-11-23T16:21:07+0000 cikit01 sshd[71]: Server listening on 0.0.0.0 port 22.\n',
      },
    },
    errors: ['engineRefused', 'engineUnavailable', 'journalMissing', 'tooManyCommands'],
  },
}
