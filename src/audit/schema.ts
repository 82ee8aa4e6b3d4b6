import { t } from 'elysia'

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
