import { t } from 'elysia'
import { integerParameter, requestQuery } from '../../api/http/fields.ts'

const isoTime = t.String({ description: 'ISO 8601, UTC' })

export const operationBody = t.Object({
  id: t.String(),
  kind: t.UnionEnum(['add', 'start', 'stop', 'restart', 'delete']),
  droplet: t.Nullable(t.String({ description: 'Null as long as an add has chosen none' })),
  user: t.String({ description: 'By whom' }),
  state: t.UnionEnum(['queued', 'running', 'done', 'failed', 'cancelled']),
  created_at: isoTime,
  started_at: t.Nullable(isoTime),
  ended_at: t.Nullable(isoTime),
  cancellable: t.Boolean({ description: 'Whether it can still be undone' }),
  steps: t.Array(
    t.Object({
      name: t.String({ description: 'image, create, start, stop, remove or undo' }),
      started_at: isoTime,
      ended_at: t.Nullable(t.String({ description: 'Null for the one that it is at, or failed at' })),
    }),
  ),
  progress: t.Nullable(
    t.Object(
      { text: t.String(), done: t.Nullable(t.Number()), total: t.Nullable(t.Number()) },
      { description: 'How far the present step is, where that is known' },
    ),
  ),
  error: t.Nullable(
    t.Object(
      { error: t.String(), errorId: t.Integer() },
      { description: 'What a caller that waited was told, or would have been' },
    ),
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
