import { t } from 'elysia'
import { integerParameter, requestQuery } from '../../api/http/fields.ts'

const isoTime = t.String({ description: 'ISO 8601, UTC' })

export const operationBody = t.Object({
  id: t.String(),
  kind: t.UnionEnum(['add', 'start', 'stop', 'restart', 'delete']),
  droplet: t.Nullable(t.String({ description: 'Null until an add has chosen a name' })),
  user: t.String({ description: 'User who requested the change' }),
  state: t.UnionEnum(['queued', 'running', 'done', 'failed', 'cancelled']),
  created_at: isoTime,
  started_at: t.Nullable(isoTime),
  ended_at: t.Nullable(isoTime),
  cancellable: t.Boolean({ description: 'Whether it can still be cancelled' }),
  steps: t.Array(
    t.Object({
      name: t.String({ description: 'image, create, start, stop, remove or undo' }),
      started_at: isoTime,
      ended_at: t.Nullable(t.String({ description: 'Null for the current step, or the one that failed' })),
    }),
  ),
  progress: t.Nullable(
    t.Object(
      { text: t.String(), done: t.Nullable(t.Number()), total: t.Nullable(t.Number()) },
      { description: 'Progress of the current step, if known' },
    ),
  ),
  error: t.Nullable(
    t.Object({ error: t.String(), errorId: t.Integer() }, { description: 'The error that a waiting client gets' }),
  ),
})

export const operationList = t.Array(operationBody, { description: 'Newest first' })

export type OperationBody = typeof operationBody.static

export const operationListQuery = requestQuery({
  limit: t.Optional(
    integerParameter({ minimum: 1, maximum: 1_000 }, { description: 'Number of operations', defaultValue: 100 }),
  ),
  droplet: t.Optional(t.String({ description: 'Only this droplet', example: 'cikit02' })),
  cursor: t.Optional(t.String({ description: 'Only operations older than the one with this `id`' })),
})

export const operationQuery = requestQuery({
  wait: t.Optional(
    integerParameter(
      { minimum: 0, maximum: 60 },
      {
        description: 'Seconds to wait for the end of the operation',
        defaultValue: 0,
        example: 60,
      },
    ),
  ),
})
