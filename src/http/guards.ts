import { Elysia } from 'elysia'
import type { Origin } from '../auth/login.ts'
import type { AuthService } from '../auth/service.ts'
import { ApiError } from '../errors.ts'
import { hideTokens } from '../log.ts'
import type { Group, User } from '../store/users.ts'
import { includesGroup } from '../users/username.ts'
import { type Fields, MalformedBody, readFields } from './body.ts'
import { readToken } from './credentials.ts'
import { type Attempt, addressOf, noteAttempt } from './exchange.ts'

const MAX_AGENT_LENGTH = 200

/** Who may call a route. Every route says one of these; a route that says none answers nobody (see `refuseUndecided`). */
export type Guard = ReturnType<typeof createGuard>

/**
 * The way of every request from its bytes to a known user: the body is read, the caller identified, the permission
 * decided, and only then is a bad body or a bad field complained of.
 */
export function createGuard(auth: AuthService) {
  return new Elysia({ name: 'guard' })
    .onParse({ as: 'global' }, ({ request }) => readFields(request))
    .onTransform({ as: 'global' }, ({ params }) => repairParameters(params))
    .derive({ as: 'global' }, ({ request, route, params, body }) => ({
      caller: createCaller(auth, { request, route, params, body }),
    }))
    .onBeforeHandle({ as: 'global' }, ({ caller }) => caller.refuseUndecided())
    .macro({
      /** Open to everybody: the routes by which one becomes somebody. */
      open: (_: true) => ({
        transform: ({ caller }: { caller: Caller }) => caller.letIn(),
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
function repairParameters(params: Record<string, string | null | undefined> | undefined): void {
  if (!params) return
  for (const name of Object.keys(params)) params[name] ??= '%'
}

interface Call {
  request: Request
  /** As it was written: `/api/v1/droplet/stop/:droplet`. */
  route: string
  params: Record<string, string | undefined> | undefined
  body: unknown
}

const actions = new Map<string, string>()

/** The words of a route: `droplet.stop`. */
function actionOf(route: string): string {
  let action = actions.get(route)
  if (action === undefined) {
    const words = route.replace('/api/v1', '').split('/')
    action = words.filter(word => word !== '' && !word.startsWith(':')).join('.')
    actions.set(route, action)
  }
  return action
}

export type Caller = ReturnType<typeof createCaller>

function createCaller(auth: AuthService, call: Call) {
  const { request } = call
  // Bun discards the body of a GET, and Elysia then has none.
  const body = call.body as Fields | MalformedBody | undefined
  const fields = body instanceof MalformedBody ? {} : (body ?? {})
  const claimed = typeof fields.username === 'string' ? fields.username : ''
  const attempt: Attempt = {
    act: { user: '', address: addressOf(request), action: actionOf(call.route) },
    target: Object.values(call.params ?? {})[0] ?? claimed,
    known: false,
  }
  noteAttempt(request, attempt)
  let known: User | undefined
  let decided = false

  return {
    /** What the body says. */
    fields,

    /** Who does what from where, for the audit. */
    act: attempt.act,

    /** With what it comes along, for the routes that are open without a token. */
    get origin(): Origin {
      const agent = hideTokens([...(request.headers.get('user-agent') ?? '')].slice(0, MAX_AGENT_LENGTH).join(''))
      return { agent, token: readToken(request, body) }
    },

    /** The user that a guard let in. */
    get user(): User {
      if (!known) throw new Error('A handler asked for the user of a route without a guard')
      return known
    },

    letIn(): void {
      // Nobody is asked who it is, but a request that would be refused elsewhere is refused here, too.
      attempt.act.user = claimed
      readToken(request, body)
      decide()
    },

    requireGroup(minimum: Group): void {
      identify(auth.authenticate(readToken(request, body)))
      if (!includesGroup(this.user.group, minimum)) throw new ApiError('groupForbidden')
      decide()
    },

    requireAnyToken(): void {
      identify(auth.authenticateToRevoke(readToken(request, body)))
      decide()
    },

    /** The default is to deny: a route without one of the guards above never reaches its handler. */
    refuseUndecided(): void {
      if (!decided) throw new Error('A route without a guard was called')
    },
  }

  function identify(user: User): void {
    known = user
    attempt.act.user = user.username
    attempt.known = true
  }

  function decide(): void {
    decided = true
    if (body instanceof MalformedBody) throw body.toError()
  }
}
