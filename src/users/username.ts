import { ApiError } from '../errors.ts'
import type { Group } from '../store/users.ts'

export const groups = ['viewer', 'manager', 'owner'] as const satisfies readonly Group[]

/** Letters, digits, dot, underscore and hyphen, 64 at most, beginning with a letter or a digit. */
const USERNAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** @throws ApiError 917 */
export function parseUsername(value: unknown): string {
  if (typeof value === 'string' && USERNAME_PATTERN.test(value)) return value
  throw new ApiError('malformed', {
    text: 'A username is 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit',
  })
}

/** @throws ApiError 905 */
export function parseGroup(value: unknown): Group {
  const group = groups.find(candidate => candidate === value)
  if (!group) throw new ApiError('groupUnknown')
  return group
}

/** Groups inherit: viewer < manager < owner. */
export function includesGroup(group: Group, minimum: Group): boolean {
  return groups.indexOf(group) >= groups.indexOf(minimum)
}
