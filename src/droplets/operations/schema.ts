import { t } from 'elysia'

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
