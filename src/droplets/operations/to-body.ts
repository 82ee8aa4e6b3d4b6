import { ApiError } from '../../core/errors.ts'
import type { OperationFilter } from '../../store/operations.ts'
import type { OperationView } from './runner.ts'
import type { OperationBody } from './schema.ts'

const MAX_OPERATIONS = 1_000
const MAX_WAIT_SECONDS = 60

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
