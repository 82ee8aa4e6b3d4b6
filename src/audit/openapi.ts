import type { TagSection } from '../api/openapi/description.ts'
import { auditList, auditQuery } from './schema.ts'

/** What the document says of the audit. */
export const auditTagSection: TagSection = {
  name: 'Audit',
  description: 'What was done and what was refused, by whom and from where. Refusals are counted up.',
  models: { AuditList: auditList },
  routes: {
    'GET /api/v1/audit/list': {
      summary: 'List the audit',
      description:
        'The next page is `cursor` with the `id` of the last record of this one. The newest 500,000 are kept.',
      access: 'owner',
      query: auditQuery,
      responses: {
        200: {
          description: 'Newest first',
          schema: auditList,
          example: [
            {
              id: 7,
              time: '2026-11-23T16:21:07.114Z',
              user: 'ann',
              address: '192.0.2.17',
              action: 'droplet.stop',
              target: 'cikit01',
              result: 'ok',
              error_id: null,
              count: 1,
            },
          ],
        },
      },
    },
  },
}
