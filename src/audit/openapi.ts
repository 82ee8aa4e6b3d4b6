import type { TagSection } from '../api/openapi/description.ts'
import { auditList, auditQuery } from './schema.ts'

export const auditTagSection: TagSection = {
  name: 'Audit',
  description:
    'Completed and rejected actions, with user and address. Repeated rejections share a record with a count.',
  models: { AuditList: auditList },
  routes: {
    'GET /api/v1/audit/list': {
      summary: 'List audit records',
      description:
        'For the next page, pass the `id` of the last record as `cursor`. The newest 500,000 records are retained.',
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
