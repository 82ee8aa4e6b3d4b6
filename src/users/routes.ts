import { Elysia } from 'elysia'
import type { Guard } from '../http/guards.ts'
import { okBody } from '../http/model.ts'
import { createToldText } from '../http/told-text.ts'
import type { User } from '../store/users.ts'
import { parseNewGroup, parseNewUser, toUserList, type UserList, userList } from './model.ts'
import type { UserService } from './service.ts'

/**
 * The people of a system, for its owner.
 * @param changed called after a change and before its answer
 */
export function createUserRoutes(guard: Guard, users: UserService, changed: () => void) {
  const { keep, afterHandle } = createToldText<UserList>()
  let told: { of: readonly User[]; list: UserList } | undefined
  const list = (): UserList => {
    // The same as long as no user changes.
    const of = users.list()
    if (told?.of !== of) told = { of, list: keep(toUserList(of)) }
    return told.list
  }

  return new Elysia({ name: 'user-routes', prefix: '/user' })
    .use(guard)
    .get('/list', list, { group: 'owner', afterHandle })
    .post(
      '/add',
      async ({ caller }) => {
        const { username, group } = parseNewUser(caller.fields)
        await users.add(caller.act, username, group)
        changed()
        return list()
      },
      { group: 'owner', response: { 200: userList } },
    )
    .patch(
      '/group/:user',
      async ({ caller, params }) => {
        await users.changeGroup(caller.act, params.user, parseNewGroup(caller.fields))
        changed()
        return list()
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
        changed()
        return list()
      },
      { group: 'owner', response: { 200: userList } },
    )
}
