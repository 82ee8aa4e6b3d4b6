import { t } from 'elysia'
import { integerParameter, requestQuery } from '../api/http/fields.ts'

export const auditList = t.Array(
  t.Object({
    id: t.Nullable(t.Integer({ description: 'From 1 on without gaps; null for refusals that are still counted up' })),
    time: t.String({ description: 'ISO 8601, UTC; of the first one, where several were counted up' }),
    user: t.String({ description: 'Who did it, or claimed to; empty for a stranger, * for several' }),
    address: t.String({ description: 'From where; host for a command on the host' }),
    action: t.String({ description: 'The words of the route or of the command, with dots between' }),
    target: t.String({ description: 'To whom or what' }),
    result: t.UnionEnum(['ok', 'refused', 'failed', 'interrupted']),
    error_id: t.Nullable(t.Integer({ description: 'Of the error that was answered' })),
    count: t.Integer({ description: 'More than 1 where refusals were counted up' }),
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
