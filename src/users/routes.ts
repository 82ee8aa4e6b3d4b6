import { Elysia } from 'elysia'
import type { Guard } from '../api/http/guards.ts'
import { createJsonCache } from '../api/http/json-cache.ts'
import { okBody } from '../api/http/schema.ts'
import { qrDataUrl } from '../auth/qr.ts'
import { enrolmentBody } from '../auth/schema.ts'
import type { User } from '../store/users.ts'
import { parseNewGroup, parseNewUser, type UserList, userList } from './schema.ts'
import type { UserService } from './service.ts'
import { toUserList } from './to-body.ts'

/**
 * The people of a system, for its owner.
 * @param onChange called after a change and before its answer
 */
export function createUserRoutes(guard: Guard, users: UserService, onChange: () => void) {
  const { remember, respond } = createJsonCache<UserList>()
  let cached: { source: readonly User[]; list: UserList } | undefined
  const list = (): UserList => {
    // The same as long as no user changes.
    const source = users.list()
    if (cached?.source !== source) cached = { source, list: remember(toUserList(source)) }
    return cached.list
  }

  return new Elysia({ name: 'user-routes', prefix: '/user' })
    .use(guard)
    .get('/list', list, { group: 'owner', afterHandle: respond })
    .post(
      '/add',
      async ({ caller }) => {
        const { username, group } = parseNewUser(caller.fields)
        await users.add(caller.actor, username, group)
        onChange()
        return list()
      },
      { group: 'owner', response: { 200: userList } },
    )
    .patch(
      '/group/:user',
      async ({ caller, params }) => {
        await users.changeGroup(caller.actor, params.user, parseNewGroup(caller.fields))
        onChange()
        return list()
      },
      { group: 'owner', response: { 200: userList } },
    )
    .get(
      '/auth/setup/:user',
      async ({ caller, params }) => {
        const { secret, otpauthUrl } = await users.enrolmentOf(caller.actor, params.user)
        return { qr: await qrDataUrl(otpauthUrl.reveal()), secret: secret.reveal() }
      },
      { group: 'owner', response: { 200: enrolmentBody } },
    )
    .patch(
      '/unlock/:user',
      async ({ caller, params }) => {
        await users.unlock(caller.actor, params.user)
        return { status: 'ok' as const }
      },
      { group: 'owner', response: { 200: okBody } },
    )
    .delete(
      '/delete/:user',
      async ({ caller, params }) => {
        await users.remove(caller.actor, params.user)
        onChange()
        return list()
      },
      { group: 'owner', response: { 200: userList } },
    )
}
