import { ApiError } from './errors.ts'

/** Ascending: each group has the permissions of those before it. */
export const groups = ['viewer', 'manager', 'owner'] as const

export type Group = (typeof groups)[number]

/** @throws ApiError 905 */
export function parseGroup(value: unknown): Group {
  const group = groups.find(candidate => candidate === value)
  if (!group) throw new ApiError('groupUnknown')
  return group
}

/** Whether `group` has every permission of `minimum`. */
export function includesGroup(group: Group, minimum: Group): boolean {
  return groups.indexOf(group) >= groups.indexOf(minimum)
}
