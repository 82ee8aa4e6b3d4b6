import { Elysia } from 'elysia'
import type { Act } from '../audit/service.ts'
import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import { hideTokens, type Log } from '../log.ts'
import { clientAddress } from '../network.ts'

const HEALTH_PATH = '/health'

interface Start {
  id: string
  /** `performance.now()`. */
  at: number
  address: string
  attempt?: Attempt
  isUnlogged?: boolean
}

/** What a request is about, as soon as it has a route. */
export interface Attempt {
  act: Act
  target: string
  /** Whether the user of the act is known to be that user, and not only claimed. */
  known: boolean
}

const starts = new WeakMap<Request, Start>()

/** Names the request in the log, and to the client in `X-Request-Id`. */
export function requestId(request: Request): string {
  return starts.get(request)?.id ?? 'unknown'
}

/** Where the request comes from, as far as the trusted proxies tell. */
export function addressOf(request: Request): string {
  return starts.get(request)?.address ?? 'unknown'
}

/** Remembers what a request is about, for the audit. */
export function noteAttempt(request: Request, attempt: Attempt): void {
  const start = starts.get(request)
  if (start) start.attempt = attempt
}

export function attemptOf(request: Request): Attempt | undefined {
  return starts.get(request)?.attempt
}

/** Keeps a request out of the log: one that comes every few seconds, and is answered as always. */
export function leaveUnlogged(request: Request): void {
  const start = starts.get(request)
  if (start) start.isUnlogged = true
}

/** One request and its answer: the id, the headers that every answer has, the line in the log. */
export function createExchange(log: Log, listen: Pick<Config['listen'], 'allowedHosts' | 'trustedProxies'>) {
  return new Elysia({ name: 'exchange' })
    .onRequest(({ request, server, set }) => {
      const id = crypto.randomUUID()
      const peer = server?.requestIP(request)?.address ?? 'unknown'
      const address = clientAddress(peer, request.headers.get('x-forwarded-for'), listen.trustedProxies)
      starts.set(request, { id, at: performance.now(), address })
      set.headers = { ...answerHeaders, 'x-request-id': id }
      refuseTwoHosts(request)
      refuseMisreadPath(request.url)
      refuseUnknownHost(request.url, listen.allowedHosts)
    })
    .onAfterResponse({ as: 'global' }, ({ request, path, set }) => {
      const start = starts.get(request)
      if (start?.isUnlogged) return
      log.info('request', {
        requestId: start?.id,
        method: request.method,
        path: hideTokens(path),
        status: typeof set.status === 'number' ? set.status : 200,
        ms: start && Math.round((performance.now() - start.at) * 10) / 10,
        address: start?.address,
        user: start?.attempt?.known ? start.attempt.act.user : undefined,
      })
    })
}

/** An API's answer is data for its client and nothing else: never cached, framed, sniffed or run. */
const answerHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** RFC 9112 section 3.2: of two, nobody knows which one a proxy in front went by. No name holds a comma. */
function refuseTwoHosts(request: Request): void {
  if (!request.headers.get('host')?.includes(',')) return
  throw new ApiError('malformed', { text: 'Two Host headers in one request: send one' })
}

/**
 * Elysia looks for the path from the 11th character of the address on, which a host of up to three characters does
 * not reach: it would take a later part of the path for the whole. Refused before any route is chosen.
 */
function refuseMisreadPath(url: string): void {
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
function refuseUnknownHost(url: string, allowed: readonly string[]): void {
  if (allowed.length === 0) return
  const asked = URL.parse(url)
  if (!allowed.includes(asked?.hostname ?? '') && asked?.pathname !== HEALTH_PATH) throw new ApiError('hostUnknown')
}
