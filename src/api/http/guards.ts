import { bearer } from '@elysiajs/bearer'
import { Elysia } from 'elysia'
import type { AuthService } from '../../auth/service.ts'
import type { Group } from '../../core/groups.ts'
import { Access, RequestClient } from './access.ts'
import { type Fields, MalformedBody, readFields } from './body.ts'
import { canonicalizeAuthorization } from './credentials.ts'
import { startAttempt } from './request-context.ts'

/** Kept out of the context of handlers, which could otherwise grant access. */
const accessByRequest = new WeakMap<Request, Access>()

/** Every route names one of its macros; a route without one rejects every request. */
export type Guard = ReturnType<typeof createGuard>

/**
 * Reads the body, authenticates the user and decides on access. Only then is a malformed body or an invalid field
 * reported. Handlers get `actor` and `client`, and under `group` and `anyToken` the `user`.
 */
export function createGuard(auth: AuthService) {
  return new Elysia({ name: 'guard' })
    .onRequest(({ request }) => canonicalizeAuthorization(request.headers))
    .use(bearer())
    .onParse({ as: 'global' }, ({ request }) => readFields(request))
    .onTransform({ as: 'global' }, ({ params }) => repairPathParameters(params))
    .derive({ as: 'global' }, ({ request, route, params, body, bearer }) => {
      const fields = toFields(body)
      const target = Object.values(params ?? {})[0] ?? claimedUsername(fields)
      const attempt = startAttempt(request, actionOf(route), target)
      const client = new RequestClient(request, bearer, fields)
      accessByRequest.set(request, new Access(auth, attempt, client, body))
      return { actor: attempt.actor, client }
    })
    .onBeforeHandle({ as: 'global' }, ({ request }) => accessOf(request).rejectUnguarded())
    .macro({
      /** Open to anonymous clients. */
      open: (_: true) => ({
        transform: ({ request, body }: { request: Request; body: unknown }) =>
          accessOf(request).allowAnonymous(claimedUsername(toFields(body))),
      }),

      /** For users of this group or of a group that includes it. */
      group: (minimum: Group) => ({
        transform: ({ request }: { request: Request }) => accessOf(request).requireGroup(minimum),
        resolve: ({ request }: { request: Request }) => ({ user: accessOf(request).user }),
      }),

      /** For holders of an access token or of an active refresh token. */
      anyToken: (_: true) => ({
        transform: ({ request }: { request: Request }) => accessOf(request).requireAnyToken(),
        resolve: ({ request }: { request: Request }) => ({ user: accessOf(request).user }),
      }),
    })
}

function accessOf(request: Request): Access {
  const access = accessByRequest.get(request)
  if (!access) throw new Error('The guard did not see this request')
  return access
}

const NO_FIELDS: Fields = {}

/** Bun discards the body of a GET. */
function toFields(body: unknown): Fields {
  return typeof body === 'object' && body !== null && !(body instanceof MalformedBody) ? { ...body } : NO_FIELDS
}

function claimedUsername({ username }: Fields): string {
  return typeof username === 'string' ? username : ''
}

/**
 * Elysia sets a path parameter with broken percent-encoding to null, contrary to its own type. A `%` is in no name, so
 * nothing is found.
 */
function repairPathParameters(params: Record<string, string | null | undefined> | undefined): void {
  if (!params) return
  for (const name of Object.keys(params)) params[name] ??= '%'
}

const actionsByRoute = new Map<string, string>()

/** `/api/v1/droplet/stop/:droplet` is the action `droplet.stop`. */
function actionOf(route: string): string {
  let action = actionsByRoute.get(route)
  if (action === undefined) {
    const words = route.replace('/api/v1', '').split('/')
    action = words.filter(word => word !== '' && !word.startsWith(':')).join('.')
    actionsByRoute.set(route, action)
  }
  return action
}
