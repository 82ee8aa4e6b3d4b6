import type { TagSection } from '../api/openapi/description.ts'
import { auditList } from './schema.ts'

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
      query: {
        since: {
          description: 'From this time on, ISO 8601; without a zone it is UTC',
          schema: { type: 'string' },
          example: '2026-11-23T16:00:00Z',
        },
        user: { description: 'Of this user only', schema: { type: 'string' }, example: 'ann' },
        action: {
          description: 'This action only, such as `droplet.stop`, or all of `droplet`',
          schema: { type: 'string' },
          example: 'droplet',
        },
        target: {
          description: 'To this user, droplet or session only',
          schema: { type: 'string' },
          example: 'cikit01',
        },
        limit: { description: 'So many', schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } },
        cursor: {
          description: 'Only what is older than the record of this `id`',
          schema: { type: 'integer', minimum: 1 },
        },
      },
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
