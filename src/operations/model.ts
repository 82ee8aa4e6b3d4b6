import { t } from 'elysia'
import { ApiError } from '../errors.ts'
import type { OperationFilter } from '../store/operations.ts'
import type { OperationView } from './running.ts'

const MAX_OPERATIONS = 1_000
const MAX_WAIT_SECONDS = 60

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

export function toOperationBody(operation: OperationView): OperationBody {
  const { id, kind, droplet, user, state, createdAt, startedAt, endedAt, cancellable, steps, progress, error } =
    operation
  return {
    ...{ id, kind, droplet, user, state },
    created_at: toIso(createdAt),
    started_at: startedAt === null ? null : toIso(startedAt),
    ended_at: endedAt === null ? null : toIso(endedAt),
    cancellable,
    steps: steps.map(step => ({
      name: step.name,
      started_at: toIso(step.startedAt),
      ended_at: step.endedAt === undefined ? null : toIso(step.endedAt),
    })),
    progress: progress && { text: progress.text, done: progress.done ?? null, total: progress.total ?? null },
    error: error && { error: error.text, errorId: error.id },
  }
}

export type OperationQuery = Partial<Record<string, string>>

/** @throws ApiError 917 naming what cannot be understood */
export function parseOperationFilter(query: OperationQuery): Partial<Omit<OperationFilter, 'also'>> {
  rejectUnknownParameters(query, ['limit', 'cursor', 'droplet'])
  const { limit, cursor, droplet } = query
  return {
    ...(limit && { limit: parseNumber('limit', limit, 1, MAX_OPERATIONS) }),
    ...(cursor && { before: cursor }),
    ...(droplet && { droplet }),
  }
}

/**
 * @returns milliseconds
 * @throws ApiError 917
 */
export function parseWait(query: OperationQuery): number {
  rejectUnknownParameters(query, ['wait'])
  return query.wait ? parseNumber('wait', query.wait, 0, MAX_WAIT_SECONDS) * 1000 : 0
}

function rejectUnknownParameters(query: OperationQuery, allowed: string[]): void {
  if (Object.keys(query).every(name => allowed.includes(name))) return
  throw new ApiError('malformed', { text: `Ask by ${allowed.join(', ')} only` })
}

function parseNumber(name: string, text: string, min: number, max: number): number {
  const number = Number(text)
  if (!/^\d{1,9}$/.test(text) || number < min || number > max) {
    throw new ApiError('malformed', { text: `The "${name}" must be a number from ${min} to ${max}` })
  }
  return number
}

function toIso(time: number): string {
  return new Date(time).toISOString()
}
