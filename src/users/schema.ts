import { t } from 'elysia'
import { type Fields, isAbsent } from '../api/http/body.ts'
import { ApiError } from '../core/errors.ts'
import type { Group } from '../core/groups.ts'
import { groups, parseGroup } from '../core/groups.ts'
import { parseUsername } from '../core/username.ts'

export const userBody = t.Object({
  id: t.String(),
  username: t.String(),
  group: t.UnionEnum(groups),
  created: t.String({ description: 'ISO 8601, UTC' }),
})

export const userList = t.Array(userBody, { description: 'Oldest first' })

export type UserList = typeof userList.static

/** @throws ApiError 913 for a missing field, 905 for a group that is none */
export function parseNewGroup({ group }: Fields): Group {
  if (isAbsent(group)) throw new ApiError('userFieldsMissing', { text: 'The "group" is required' })
  return parseGroup(group)
}

/** @throws ApiError 913 for a missing field, 917 for a bad username, 905 for a group that is none */
export function parseNewUser(fields: Fields): { username: string; group: Group } {
  const { username, group } = fields
  if (isAbsent(username) || isAbsent(group)) throw new ApiError('userFieldsMissing')
  return { username: parseUsername(username), group: parseGroup(group) }
}
