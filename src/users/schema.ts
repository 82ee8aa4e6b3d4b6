import { t } from 'elysia'
import { choiceField, type FieldErrors, requestBody, textField } from '../api/http/fields.ts'
import { groups } from '../core/groups.ts'
import { USERNAME_PATTERN, USERNAME_RULE } from '../core/username.ts'

export const userBody = t.Object({
  id: t.String(),
  username: t.String(),
  group: t.UnionEnum(groups),
  created: t.String({ description: 'ISO 8601, UTC' }),
})

export const userList = t.Array(userBody, { description: 'Oldest first' })

export type UserList = typeof userList.static

const usernameField = textField({
  pattern: USERNAME_PATTERN.source,
  description: 'Unique case-insensitively',
  errors: { missing: ['userFieldsMissing'], invalid: ['malformed', USERNAME_RULE] },
})
const groupField = (errors: FieldErrors) =>
  choiceField(groups, {
    description: 'An owner is created on the host',
    errors: { invalid: ['groupUnknown'], ...errors },
  })

export const newUserRequest = requestBody({
  username: usernameField,
  group: groupField({ missing: ['userFieldsMissing'] }),
})

export const newGroupRequest = requestBody({
  group: groupField({ missing: ['userFieldsMissing', 'The "group" is required'] }),
})
