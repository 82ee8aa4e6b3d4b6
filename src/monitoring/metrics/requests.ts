import { Counter, Histogram, type Registry } from 'prom-client'
import type { ServedRequest } from '../../api/http/served-request.ts'
import { catalogue } from '../../core/errors.ts'

/** Stands for all unknown routes, so that arbitrary paths create no series. */
const UNMATCHED_ROUTE = 'none'
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'])
/** Seconds: lists come from memory, droplet changes take a while. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const LOGIN_ROUTE = '/api/v1/user/auth/'

/** Requests to the API, and logins among them by result. */
export function createRequestMetrics(registers: Registry[]) {
  const count = new Counter({
    name: 'cikit_api_http_requests_total',
    help: 'Served requests, by route pattern (or "none"), method and status.',
    labelNames: ['route', 'method', 'status'],
    registers,
  })
  const duration = new Histogram({
    name: 'cikit_api_http_request_duration_seconds',
    help: 'Time from a request to its response, by route; for a stream, to its start.',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers,
  })
  const logins = new Counter({
    name: 'cikit_api_logins_total',
    help: 'Login attempts by result: ok, refused (wrong name or code) or locked (not checked).',
    labelNames: ['result'],
    registers,
  })
  // A series must exist before its first event, or `rate` misses that event.
  for (const result of ['ok', 'refused', 'locked']) logins.inc({ result }, 0)

  return {
    observe(request: ServedRequest): void {
      const { method, status, ms } = request
      const route = request.route ?? UNMATCHED_ROUTE
      count.inc({ route, method: METHODS.has(method) ? method : 'other', status })
      duration.observe({ route }, ms / 1000)
      const result = route === LOGIN_ROUTE && method === 'POST' ? loginResult(request) : undefined
      if (result) logins.inc({ result })
    },
  }
}

/** Malformed requests and internal errors do not count as attempts. */
function loginResult({ status, errorId }: ServedRequest): 'ok' | 'refused' | 'locked' | undefined {
  if (status === 200) return 'ok'
  if (errorId === catalogue.codeRefused.id) return 'refused'
  return errorId === catalogue.tooManyAttempts.id ? 'locked' : undefined
}
