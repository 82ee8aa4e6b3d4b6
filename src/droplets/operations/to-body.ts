import type { OperationFilter } from '../../store/operations.ts'
import type { OperationView } from './entry.ts'
import type { OperationBody, operationListQuery } from './schema.ts'

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

export function toOperationFilter({
  limit,
  cursor,
  droplet,
}: typeof operationListQuery.static): Partial<Omit<OperationFilter, 'also'>> {
  return { ...(limit && { limit: Number(limit) }), ...(cursor && { before: cursor }), ...(droplet && { droplet }) }
}

function toIso(time: number): string {
  return new Date(time).toISOString()
}
