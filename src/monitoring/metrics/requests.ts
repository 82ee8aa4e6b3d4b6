import { Counter, Histogram, type Registry } from 'prom-client'
import type { ServedRequest } from '../../api/http/served-request.ts'
import { catalogue } from '../../core/errors.ts'

/** In the place of a route that there is not: what strangers ask for makes no series. */
const UNMATCHED_ROUTE = 'none'
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'])
/** Seconds: lists are answered from memory, changes of droplets take their time. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const LOGIN_ROUTE = '/api/v1/user/auth/'

/** Requests to the API, and what became of the logins among them. */
export function createRequestMetrics(registers: Registry[]) {
  const count = new Counter({
    name: 'cikit_api_http_requests_total',
    help: 'Requests that were answered, by route (as it is written, or "none"), method and status.',
    labelNames: ['route', 'method', 'status'],
    registers,
  })
  const duration = new Histogram({
    name: 'cikit_api_http_request_duration_seconds',
    help: 'From a request to its answer, by route; of a stream, to its beginning.',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers,
  })
  const logins = new Counter({
    name: 'cikit_api_logins_total',
    help: 'Attempts to log in: ok, refused (a wrong name or code), or locked (not even looked at).',
    labelNames: ['result'],
    registers,
  })
  // A series that begins with its first event hides that one from `rate`.
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

/** What is malformed, or failed for our own reasons, was no attempt. */
function loginResult({ status, errorId }: ServedRequest): 'ok' | 'refused' | 'locked' | undefined {
  if (status === 200) return 'ok'
  if (errorId === catalogue.codeRefused.id) return 'refused'
  return errorId === catalogue.tooManyAttempts.id ? 'locked' : undefined
}
