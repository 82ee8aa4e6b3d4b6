import { ApiError } from '../core/errors.ts'
import type { AuditFilter } from '../store/audit.ts'
import type { auditList } from './schema.ts'
import type { ListedEntry } from './service.ts'

const MAX_RECORDS = 1_000
/** Largest ECMAScript time value. */
const MAX_TIME_MS = 8.64e15
const QUERY_FIELDS = new Set(['since', 'user', 'action', 'target', 'limit', 'cursor'])

export function toAuditList(records: ListedEntry[]): typeof auditList.static {
  return records.map(({ number, time, user, address, action, target, result, errorId, count }) => ({
    id: number,
    time: new Date(Math.min(time, MAX_TIME_MS)).toISOString(),
    user,
    address,
    action,
    target,
    result,
    error_id: errorId,
    count,
  }))
}

export type AuditQuery = Partial<
  Record<'since' | 'user' | 'action' | 'target' | 'limit' | 'cursor', string | undefined>
>

/** @throws ApiError 917 naming the invalid parameter */
export function parseAuditFilter(query: AuditQuery): Partial<AuditFilter> {
  const unknown = Object.keys(query).find(name => !QUERY_FIELDS.has(name))
  if (unknown !== undefined)
    throw new ApiError('malformed', { text: 'Unknown parameter: use since, user, action, target, limit and cursor' })
  const { since, user, action, target, limit, cursor } = query
  return {
    ...(since && { since: parseTime(since) }),
    ...(user && { user }),
    ...(action && { action }),
    ...(target && { target }),
    ...(limit && { limit: parseCount('limit', limit, MAX_RECORDS) }),
    ...(cursor && { before: parseCount('cursor', cursor, Number.MAX_SAFE_INTEGER) }),
  }
}

/** ISO 8601 with at least a day; UTC without a zone. */
function parseTime(text: string): number {
  const parts = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(text)
  const [, day, clock = '00:00', zone = 'Z'] = parts ?? []
  const time = Date.parse(`${day}T${clock}${zone}`)
  // JavaScript parses the 31st of February as the 3rd of March.
  if (Number.isNaN(time) || new Date(`${day}T00:00Z`).toISOString().slice(0, 10) !== day) {
    throw new ApiError('malformed', { text: 'The "since" must be a time such as 2026-11-23T16:00:00Z' })
  }
  return time
}

function parseCount(name: string, text: string, max: number): number {
  const count = Number(text)
  if (!/^[0-9]{1,16}$/.test(text) || count < 1 || count > max) {
    throw new ApiError('malformed', { text: `The "${name}" must be a number from 1 to ${max}` })
  }
  return count
}
