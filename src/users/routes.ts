import { Elysia } from 'elysia'
import type { Guard } from '../http/guards.ts'
import { okBody } from '../http/model.ts'
import { parseNewUser, toUserList, userList } from './model.ts'
import type { UserService } from './service.ts'

/** The people of a system, for its owner. */
export function createUserRoutes(guard: Guard, users: UserService) {
  return new Elysia({ name: 'user-routes', prefix: '/user' })
    .use(guard)
    .get('/list', () => toUserList(users.list()), { group: 'owner', response: { 200: userList } })
    .post(
      '/add',
      async ({ caller }) => {
        const { username, group } = parseNewUser(caller.fields)
        await users.add(caller.act, username, group)
        return toUserList(users.list())
      },
      { group: 'owner', response: { 200: userList } },
    )
    .patch(
      '/unlock/:user',
      async ({ caller, params }) => {
        await users.unlock(caller.act, params.user)
        return { status: 'ok' as const }
      },
      { group: 'owner', response: { 200: okBody } },
    )
    .delete(
      '/delete/:user',
      async ({ caller, params }) => {
        await users.remove(caller.act, params.user)
        return toUserList(users.list())
      },
      { group: 'owner', response: { 200: userList } },
    )
}
