import type { AuthService } from '../../auth/service.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import { type Group, includesGroup } from '../../core/groups.ts'
import type { User } from '../../store/users.ts'
import { MalformedBody } from './body.ts'

/** The access decision for one request. Only the guard holds it, so no handler can grant itself access. */
export type Access = ReturnType<typeof createAccess>

export interface AccessRequest {
  actor: Actor
  /** The username in the body, unverified. */
  claimedUsername: string
  body: unknown
  /** @throws ApiError 917 */
  readToken: () => string | undefined
  onAuthenticated: () => void
}

export function createAccess(auth: AuthService, request: AccessRequest) {
  const { actor, body, readToken } = request
  let authenticatedUser: User | undefined
  let isGranted = false

  return {
    allowAnonymous(): void {
      actor.user = request.claimedUsername
      // Open routes reject a misplaced token like all others.
      readToken()
      grant()
    },

    requireGroup(minimum: Group): void {
      if (!includesGroup(identify(auth.authenticate(readToken())).group, minimum)) throw new ApiError('groupForbidden')
      grant()
    },

    requireAnyToken(): void {
      identify(auth.authenticateForRevocation(readToken()))
      grant()
    },

    /** Denies by default: a route without a guard macro never reaches its handler. */
    rejectUnguarded(): void {
      if (!isGranted) throw new Error('A route without a guard was called')
    },

    /** The user that a macro admitted. */
    user(): User {
      if (!authenticatedUser) throw new Error('No user was authenticated')
      return authenticatedUser
    },
  }

  function identify(user: User): User {
    authenticatedUser = user
    actor.user = user.username
    request.onAuthenticated()
    return user
  }

  /** A malformed body is reported only to callers with access. */
  function grant(): void {
    isGranted = true
    if (body instanceof MalformedBody) throw body.toError()
  }
}
