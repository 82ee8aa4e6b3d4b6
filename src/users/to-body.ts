import type { User } from '../store/users.ts'
import type { UserList } from './schema.ts'

export function toUserList(users: readonly User[]): UserList {
  return users.map(({ id, username, group, createdAt }) => ({
    id,
    username,
    group,
    created: new Date(createdAt).toISOString(),
  }))
}
