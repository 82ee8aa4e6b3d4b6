import { Elysia } from 'elysia'
import type { ClientInfo } from '../../auth/login.ts'
import type { AuthService } from '../../auth/service.ts'
import { ApiError } from '../../core/errors.ts'
import type { Group } from '../../core/groups.ts'
import { includesGroup } from '../../core/groups.ts'
import { redactTokens } from '../../core/log.ts'
import type { User } from '../../store/users.ts'
import { type Fields, MalformedBody, readFields } from './body.ts'
import { readToken } from './credentials.ts'
import { type Attempt, addressOf, recordAttempt } from './request-context.ts'

const MAX_USER_AGENT_LENGTH = 200

/** Who may call a route. Every route says one of these; a route that says none answers nobody (see `refuseUndecided`). */
export type Guard = ReturnType<typeof createGuard>

/**
 * The way of every request from its bytes to a known user: the body is read, the caller identified, the permission
 * decided, and only then is a bad body or a bad field complained of.
 */
export function createGuard(auth: AuthService) {
  return new Elysia({ name: 'guard' })
    .onParse({ as: 'global' }, ({ request }) => readFields(request))
    .onTransform({ as: 'global' }, ({ params }) => repairPathParameters(params))
    .derive({ as: 'global' }, ({ request, route, params, body }) => ({
      caller: createCaller(auth, { request, route, params, body }),
    }))
    .onBeforeHandle({ as: 'global' }, ({ caller }) => caller.rejectUnguarded())
    .macro({
      /** Open to everybody: the routes by which one becomes somebody. */
      open: (_: true) => ({
        transform: ({ caller }: { caller: Caller }) => caller.allowAnonymous(),
      }),

      /** For users of this group or of one that includes it. The handler gets the `user`. */
      group: (minimum: Group) => ({
        transform: ({ caller }: { caller: Caller }) => caller.requireGroup(minimum),
        resolve: ({ caller }: { caller: Caller }) => ({ user: caller.user }),
      }),

      /** For everybody who holds an access token or a live refresh token. The handler gets the `user`. */
      anyToken: (_: true) => ({
        transform: ({ caller }: { caller: Caller }) => caller.requireAnyToken(),
        resolve: ({ caller }: { caller: Caller }) => ({ user: caller.user }),
      }),
    })
}

/** Elysia gives null, against its own type, for a part of the path whose percent-encoding is broken. No name holds a `%`. */
function repairPathParameters(params: Record<string, string | null | undefined> | undefined): void {
  if (!params) return
  for (const name of Object.keys(params)) params[name] ??= '%'
}

interface GuardedRequest {
  request: Request
  /** As it was written: `/api/v1/droplet/stop/:droplet`. */
  route: string
  params: Record<string, string | undefined> | undefined
  body: unknown
}

const actionsByRoute = new Map<string, string>()

/** The words of a route: `droplet.stop`. */
function actionOf(route: string): string {
  let action = actionsByRoute.get(route)
  if (action === undefined) {
    const words = route.replace('/api/v1', '').split('/')
    action = words.filter(word => word !== '' && !word.startsWith(':')).join('.')
    actionsByRoute.set(route, action)
  }
  return action
}

export type Caller = ReturnType<typeof createCaller>

function createCaller(auth: AuthService, guardedRequest: GuardedRequest) {
  const { request } = guardedRequest
  // Bun discards the body of a GET, and Elysia then has none.
  const body = guardedRequest.body as Fields | MalformedBody | undefined
  const fields = body instanceof MalformedBody ? {} : (body ?? {})
  const claimedUsername = typeof fields.username === 'string' ? fields.username : ''
  const attempt: Attempt = {
    actor: { user: '', address: addressOf(request), action: actionOf(guardedRequest.route) },
    target: Object.values(guardedRequest.params ?? {})[0] ?? claimedUsername,
    isAuthenticated: false,
  }
  recordAttempt(request, attempt)
  let authenticatedUser: User | undefined
  let isAdmitted = false

  return {
    /** What the body says. */
    fields,

    /** Who does what from where, for the audit. */
    actor: attempt.actor,

    /** With what it comes along, for the routes that are open without a token. */
    get client(): ClientInfo {
      const agent = redactTokens(
        [...(request.headers.get('user-agent') ?? '')].slice(0, MAX_USER_AGENT_LENGTH).join(''),
      )
      return { agent, token: readToken(request, body) }
    },

    /** The user that a guard let in. */
    get user(): User {
      if (!authenticatedUser) throw new Error('A handler asked for the user of a route without a guard')
      return authenticatedUser
    },

    allowAnonymous(): void {
      // Nobody is asked who it is, but a request that would be refused elsewhere is refused here, too.
      attempt.actor.user = claimedUsername
      readToken(request, body)
      admit()
    },

    requireGroup(minimum: Group): void {
      identify(auth.authenticate(readToken(request, body)))
      if (!includesGroup(this.user.group, minimum)) throw new ApiError('groupForbidden')
      admit()
    },

    requireAnyToken(): void {
      identify(auth.authenticateForRevocation(readToken(request, body)))
      admit()
    },

    /** The default is to deny: a route without one of the guards above never reaches its handler. */
    rejectUnguarded(): void {
      if (!isAdmitted) throw new Error('A route without a guard was called')
    },
  }

  function identify(user: User): void {
    authenticatedUser = user
    attempt.actor.user = user.username
    attempt.isAuthenticated = true
  }

  function admit(): void {
    isAdmitted = true
    if (body instanceof MalformedBody) throw body.toError()
  }
}
