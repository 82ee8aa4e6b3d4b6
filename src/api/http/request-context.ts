import { Elysia } from 'elysia'
import type { Config } from '../../config/types.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import { type Log, redactTokens } from '../../core/log.ts'
import { clientAddress } from '../../core/network.ts'
import type { ServedRequest } from './served-request.ts'

const HEALTH_PATH = '/health'

interface RequestState {
  id: string
  /** `performance.now()`. */
  startedAt: number
  address: string
  attempt?: Attempt
  isExcludedFromLog?: boolean
  errorId?: number
}

/** The actor and target of a request; known once it has a route. */
export interface Attempt {
  actor: Actor
  target: string
  /** False as long as `actor.user` is only claimed. */
  isAuthenticated: boolean
}

const requestStates = new WeakMap<Request, RequestState>()

/** The request's id in the log and in `X-Request-Id`. */
export function requestIdOf(request: Request): string {
  return requestStates.get(request)?.id ?? 'unknown'
}

/**
 * Stores the attempt of a request for the audit log. The client's address comes from `X-Forwarded-For` only behind
 * trusted proxies.
 */
export function startAttempt(request: Request, action: string, target: string): Attempt {
  const state = requestStates.get(request)
  const attempt = { actor: { user: '', address: state?.address ?? 'unknown', action }, target, isAuthenticated: false }
  if (state) state.attempt = attempt
  return attempt
}

export function attemptOf(request: Request): Attempt | undefined {
  return requestStates.get(request)?.attempt
}

/** Records the error id of the response. */
export function recordError(request: Request, errorId: number): void {
  const state = requestStates.get(request)
  if (state) state.errorId = errorId
}

/** For successful health checks, which arrive every few seconds. */
export function excludeFromLog(request: Request): void {
  const state = requestStates.get(request)
  if (state) state.isExcludedFromLog = true
}

/**
 * Gives each request an id, each response the common headers, and both a line in the log.
 * @param onServed called after each response
 */
export function createRequestContext(
  log: Log,
  listen: Pick<Config['listen'], 'allowedHosts' | 'trustedProxies'>,
  onServed?: (request: ServedRequest) => void,
) {
  return new Elysia({ name: 'request-context' })
    .onRequest(({ request, server, set }) => {
      const id = crypto.randomUUID()
      const peer = server?.requestIP(request)?.address ?? 'unknown'
      const { allowedHosts, trustedProxies } = listen
      const forwardedFor = trustedProxies.length > 0 ? request.headers.get('x-forwarded-for') : null
      const address = clientAddress(peer, forwardedFor, trustedProxies)
      requestStates.set(request, { id, startedAt: performance.now(), address })
      set.headers = { ...defaultHeaders, 'x-request-id': id }
      rejectDuplicateHost(request)
      rejectAmbiguousPath(request.url)
      rejectUnknownHost(request.url, allowedHosts)
    })
    .onAfterResponse({ as: 'global' }, ({ request, path, route, set }) => {
      const state = requestStates.get(request)
      const status = typeof set.status === 'number' ? set.status : 200
      const ms = state && performance.now() - state.startedAt
      onServed?.({ method: request.method, route, status, errorId: state?.errorId, ms: ms ?? 0 })
      if (state?.isExcludedFromLog) return
      log.info('request', {
        requestId: state?.id,
        method: request.method,
        path: redactTokens(path),
        status,
        ms: ms && Math.round(ms * 10) / 10,
        address: state?.address,
        user: state?.attempt?.isAuthenticated ? state.attempt.actor.user : undefined,
      })
    })
}

/** Responses must not be cached, framed, sniffed or executed. */
const defaultHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** RFC 9112 section 3.2: a proxy may have used either header. Two arrive joined by a comma, which is in no host name. */
function rejectDuplicateHost(request: Request): void {
  if (!request.headers.get('host')?.includes(',')) return
  throw new ApiError('malformed', { text: 'The request has two Host headers; send one' })
}

/**
 * Elysia searches for the path from the URL's 11th character on. With a host of up to three characters it would start
 * at a later slash and route to the wrong path.
 */
function rejectAmbiguousPath(url: string): void {
  const afterScheme = url.indexOf('//') + 2
  if (url.indexOf('/', 11) !== url.indexOf('/', afterScheme)) {
    throw new ApiError('malformed', {
      text: 'The Host of the request is too short; use the full name of this server',
    })
  }
}

/**
 * RFC 9110 section 15.5.20, against DNS rebinding. Health checks are exempt: load balancers use an address, and the
 * response is public.
 */
function rejectUnknownHost(url: string, allowedHosts: readonly string[]): void {
  if (allowedHosts.length === 0) return
  const requestedUrl = URL.parse(url)
  if (!allowedHosts.includes(requestedUrl?.hostname ?? '') && requestedUrl?.pathname !== HEALTH_PATH)
    throw new ApiError('hostUnknown')
}
