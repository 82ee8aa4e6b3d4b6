import { Elysia } from 'elysia'
import { emptyBody } from '../api/http/fields.ts'
import type { Guard } from '../api/http/guards.ts'
import { createJsonCache } from '../api/http/json-cache.ts'
import { okBody } from '../api/http/schema.ts'
import { qrDataUrl } from '../auth/qr.ts'
import { enrolmentBody } from '../auth/schema.ts'
import type { User } from '../store/users.ts'
import { newGroupRequest, newUserRequest, type UserList, userList } from './schema.ts'
import type { UserService } from './service.ts'
import { toUserList } from './to-body.ts'

/**
 * User management, for the owner.
 * @param onChange called after a change and before its response
 */
export function createUserRoutes(guard: Guard, users: UserService, onChange: () => void) {
  const { remember, respond } = createJsonCache<UserList>()
  let cached: { source: readonly User[]; list: UserList } | undefined
  const list = (): UserList => {
    // The service returns the same array until a user changes.
    const source = users.list()
    if (cached?.source !== source) cached = { source, list: remember(toUserList(source)) }
    return cached.list
  }

  return new Elysia({ name: 'user-routes', prefix: '/user' })
    .use(guard)
    .get('/list', list, { group: 'owner', afterHandle: respond })
    .post(
      '/add',
      async ({ actor, body }) => {
        await users.add(actor, body.username, body.group)
        onChange()
        return list()
      },
      { group: 'owner', body: newUserRequest, response: { 200: userList } },
    )
    .patch(
      '/group/:user',
      async ({ actor, params, body }) => {
        await users.changeGroup(actor, params.user, body.group)
        onChange()
        return list()
      },
      { group: 'owner', body: newGroupRequest, response: { 200: userList } },
    )
    .get(
      '/auth/setup/:user',
      async ({ actor, params }) => {
        const { secret, otpauthUrl } = await users.enrolmentOf(actor, params.user)
        return { qr: await qrDataUrl(otpauthUrl.reveal()), secret: secret.reveal() }
      },
      { group: 'owner', response: { 200: enrolmentBody } },
    )
    .patch(
      '/unlock/:user',
      async ({ actor, params }) => {
        await users.unlock(actor, params.user)
        return { status: 'ok' as const }
      },
      { group: 'owner', body: emptyBody, response: { 200: okBody } },
    )
    .delete(
      '/delete/:user',
      async ({ actor, params }) => {
        await users.remove(actor, params.user)
        onChange()
        return list()
      },
      { group: 'owner', body: emptyBody, response: { 200: userList } },
    )
}
