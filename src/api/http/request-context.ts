import { Elysia } from 'elysia'
import type { Config } from '../../config/config.ts'
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

/** What a request is about, as soon as it has a route. */
export interface Attempt {
  actor: Actor
  target: string
  /** Whether the user of the act is known to be that user, and not only claimed. */
  isAuthenticated: boolean
}

const requestStates = new WeakMap<Request, RequestState>()

/** Names the request in the log, and to the client in `X-Request-Id`. */
export function requestIdOf(request: Request): string {
  return requestStates.get(request)?.id ?? 'unknown'
}

/** Where the request comes from, as far as the trusted proxies tell. */
export function addressOf(request: Request): string {
  return requestStates.get(request)?.address ?? 'unknown'
}

/** Remembers what a request is about, for the audit. */
export function recordAttempt(request: Request, attempt: Attempt): void {
  const state = requestStates.get(request)
  if (state) state.attempt = attempt
}

export function attemptOf(request: Request): Attempt | undefined {
  return requestStates.get(request)?.attempt
}

/** Remembers what a request was told that went wrong. */
export function recordError(request: Request, errorId: number): void {
  const state = requestStates.get(request)
  if (state) state.errorId = errorId
}

/** Keeps a request out of the log: one that comes every few seconds, and is answered as always. */
export function excludeFromLog(request: Request): void {
  const state = requestStates.get(request)
  if (state) state.isExcludedFromLog = true
}

/**
 * One request and its answer: the id, the headers that every answer has, the line in the log.
 * @param onServed is told of every request that is over
 */
export function createRequestContext(
  log: Log,
  listen: Pick<Config['listen'], 'allowedHosts' | 'trustedProxies'>,
  onServed?: (request: ServedRequest) => void,
) {
  return new Elysia({ name: 'exchange' })
    .onRequest(({ request, server, set }) => {
      const id = crypto.randomUUID()
      const peer = server?.requestIP(request)?.address ?? 'unknown'
      const address = clientAddress(peer, request.headers.get('x-forwarded-for'), listen.trustedProxies)
      requestStates.set(request, { id, startedAt: performance.now(), address })
      set.headers = { ...defaultHeaders, 'x-request-id': id }
      rejectDuplicateHost(request)
      rejectAmbiguousPath(request.url)
      rejectUnknownHost(request.url, listen.allowedHosts)
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

/** An API's answer is data for its client and nothing else: never cached, framed, sniffed or run. */
const defaultHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** RFC 9112 section 3.2: of two, nobody knows which one a proxy in front went by. No name holds a comma. */
function rejectDuplicateHost(request: Request): void {
  if (!request.headers.get('host')?.includes(',')) return
  throw new ApiError('malformed', { text: 'Two Host headers in one request: send one' })
}

/**
 * Elysia looks for the path from the 11th character of the address on, which a host of up to three characters does
 * not reach: it would take a later part of the path for the whole. Refused before any route is chosen.
 */
function rejectAmbiguousPath(url: string): void {
  const afterScheme = url.indexOf('//') + 2
  if (url.indexOf('/', 11) !== url.indexOf('/', afterScheme)) {
    throw new ApiError('malformed', {
      text: 'The Host of the request cannot be used: call this server by its full name',
    })
  }
}

/**
 * RFC 9110 section 15.5.20: a request for another host was misdirected, be it by DNS rebinding. Who asks for the health
 * often knows nothing but an address, and is told nothing that anybody could not know.
 */
function rejectUnknownHost(url: string, allowedHosts: readonly string[]): void {
  if (allowedHosts.length === 0) return
  const requestedUrl = URL.parse(url)
  if (!allowedHosts.includes(requestedUrl?.hostname ?? '') && requestedUrl?.pathname !== HEALTH_PATH)
    throw new ApiError('hostUnknown')
}
