import { Elysia } from 'elysia'
import type { AuthService, Origin } from '../auth/service.ts'
import { ApiError } from '../errors.ts'
import type { Group, User } from '../store/users.ts'
import { includesGroup } from '../users/username.ts'
import { type Fields, MalformedBody, readFields } from './body.ts'
import { readToken } from './credentials.ts'
import { addressOf } from './exchange.ts'

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
    .derive({ as: 'global' }, ({ request, body }) => ({ caller: createCaller(auth, request, body) }))
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

type Caller = ReturnType<typeof createCaller>

function createCaller(auth: AuthService, request: Request, parsed: unknown) {
  // Bun discards the body of a GET, and Elysia then has none.
  const body = parsed as Fields | MalformedBody | undefined
  let known: User | undefined
  let decided = false

  return {
    /** What the body says. */
    get fields(): Fields {
      return body instanceof MalformedBody ? {} : (body ?? {})
    },

    /** Where it comes from, and with which token, for the routes that are open without one. */
    get origin(): Origin {
      const agent = [...(request.headers.get('user-agent') ?? '')].slice(0, MAX_AGENT_LENGTH).join('')
      return { address: addressOf(request), agent, token: readToken(request, body) }
    },

    /** The user that a guard let in. */
    get user(): User {
      if (!known) throw new Error('A handler asked for the user of a route without a guard')
      return known
    },

    letIn(): void {
      // Nobody is asked who it is, but a request that would be refused elsewhere is refused here, too.
      readToken(request, body)
      decide()
    },

    requireGroup(minimum: Group): void {
      known = auth.authenticate(readToken(request, body))
      if (!includesGroup(known.group, minimum)) throw new ApiError('groupForbidden')
      decide()
    },

    requireAnyToken(): void {
      known = auth.authenticateToRevoke(readToken(request, body))
      decide()
    },

    /** The default is to deny: a route without one of the guards above never reaches its handler. */
    refuseUndecided(): void {
      if (!decided) throw new Error('A route without a guard was called')
    },
  }

  function decide(): void {
    decided = true
    if (body instanceof MalformedBody) throw body.toError()
  }
}
