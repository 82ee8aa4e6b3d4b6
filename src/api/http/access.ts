import type { ClientInfo } from '../../auth/login.ts'
import type { AuthService } from '../../auth/service.ts'
import { ApiError } from '../../core/errors.ts'
import { type Group, includesGroup } from '../../core/groups.ts'
import { redactTokens } from '../../core/log.ts'
import type { User } from '../../store/users.ts'
import { type Fields, MalformedBody } from './body.ts'
import { readToken } from './credentials.ts'
import type { Attempt } from './request-context.ts'

const MAX_USER_AGENT_LENGTH = 200

// Classes, because one of each is created per request and closures cost more.

/** The client of a request. Evaluated on use: most handlers need neither. */
export class RequestClient implements ClientInfo {
  constructor(
    private readonly request: Request,
    private readonly bearer: string | undefined,
    private readonly fields: Fields,
  ) {}

  get agent(): string {
    const agent = [...(this.request.headers.get('user-agent') ?? '')]
    return redactTokens(agent.slice(0, MAX_USER_AGENT_LENGTH).join(''))
  }

  /** @throws ApiError 917 */
  get token(): string | undefined {
    return readToken(this.request.url, this.bearer, this.fields)
  }
}

/** The access decision for one request. Only the guard holds it, so no handler can grant itself access. */
export class Access {
  private authenticatedUser: User | undefined
  private isGranted = false

  constructor(
    private readonly auth: AuthService,
    private readonly attempt: Attempt,
    private readonly client: RequestClient,
    private readonly body: unknown,
  ) {}

  /** @param claimedUsername from the body, unverified */
  allowAnonymous(claimedUsername: string): void {
    this.attempt.actor.user = claimedUsername
    // Open routes reject a misplaced token like all others.
    void this.client.token
    this.grant()
  }

  requireGroup(minimum: Group): void {
    const user = this.identify(this.auth.authenticate(this.client.token))
    if (!includesGroup(user.group, minimum)) throw new ApiError('groupForbidden')
    this.grant()
  }

  requireAnyToken(): void {
    this.identify(this.auth.authenticateForRevocation(this.client.token))
    this.grant()
  }

  /** Denies by default: a route without a guard macro never reaches its handler. */
  rejectUnguarded(): void {
    if (!this.isGranted) throw new Error('A route without a guard was called')
  }

  /** The user that a macro admitted. */
  get user(): User {
    if (!this.authenticatedUser) throw new Error('No user was authenticated')
    return this.authenticatedUser
  }

  private identify(user: User): User {
    this.authenticatedUser = user
    this.attempt.actor.user = user.username
    this.attempt.isAuthenticated = true
    return user
  }

  /** A malformed body is reported only to clients with access. */
  private grant(): void {
    this.isGranted = true
    if (this.body instanceof MalformedBody) throw this.body.toError()
  }
}
