import { t } from 'elysia'
import { integerParameter, requestQuery } from '../api/http/fields.ts'

export const auditList = t.Array(
  t.Object({
    id: t.Nullable(
      t.Integer({
        description: 'Sequence number from 1, without gaps; null for rejections that are still being counted',
      }),
    ),
    time: t.String({ description: 'ISO 8601, UTC; with a count, the time of the first' }),
    user: t.String({ description: 'The user, possibly only claimed; empty for anonymous clients, * for several' }),
    address: t.String({ description: 'Address of the client; `host` for a command on the host' }),
    action: t.String({ description: 'The words of the route or the command, joined by dots' }),
    target: t.String({ description: 'The affected user, droplet or session' }),
    result: t.UnionEnum(['ok', 'refused', 'failed', 'interrupted']),
    error_id: t.Nullable(t.Integer({ description: 'Error ID of the response' })),
    count: t.Integer({ description: 'More than 1 for aggregated rejections' }),
  }),
  { description: 'Newest first' },
)

/** `parseAuditFilter` checks the contents, also for the CLI. */
export const auditQuery = requestQuery({
  since: t.Optional(
    t.String({ description: 'From this time on, ISO 8601; UTC without a zone', example: '2026-11-23T16:00:00Z' }),
  ),
  user: t.Optional(t.String({ description: 'Only this user', example: 'ann' })),
  action: t.Optional(
    t.String({ description: 'Only this action, such as `droplet.stop`, or all of `droplet`', example: 'droplet' }),
  ),
  target: t.Optional(t.String({ description: 'Only this user, droplet or session', example: 'cikit01' })),
  limit: t.Optional(
    integerParameter({ minimum: 1, maximum: 1_000 }, { description: 'Number of records', defaultValue: 100 }),
  ),
  cursor: t.Optional(
    integerParameter({ minimum: 1 }, { description: 'Only records older than the one with this `id`' }),
  ),
})
