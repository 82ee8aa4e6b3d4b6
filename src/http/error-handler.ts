import { Elysia, NotFoundError, ParseError, ValidationError } from 'elysia'
import type { Audit } from '../audit/service.ts'
import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import { attemptOf, noteError, requestId } from './exchange.ts'

/**
 * Turns whatever was thrown into `{error, errorId}`. Mounted before any route. What is not of our catalogue is told
 * to the client without details, and to the log with all of them.
 */
export function createErrorHandler(log: Log, audit: Pick<Audit, 'refused'>) {
  return new Elysia({ name: 'error-handler' }).onError({ as: 'global' }, ({ error, request, set }) => {
    const known = toApiError(error)
    if (known.kind === 'internal' || known.cause !== undefined) {
      const level = known.status >= 500 ? 'error' : 'info'
      log[level]('request failed', {
        requestId: requestId(request),
        errorId: known.errorId,
        error: describeError(known),
      })
    }
    const attempt = attemptOf(request)
    if (attempt && known.status < 500) audit.refused(attempt.act, attempt.target, known, attempt.known)
    noteError(request, known.errorId)
    set.status = known.status
    if (known.status === 401) set.headers['www-authenticate'] = challenge(known)
    // RFC 9112 section 9.6.
    if (known.hangUp) set.headers.connection = 'close'
    if (known.retryAfterSeconds !== undefined) set.headers['retry-after'] = String(known.retryAfterSeconds)
    return { error: known.message, errorId: known.errorId }
  })
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof NotFoundError) return new ApiError('routeNotFound')
  // Elysia wraps what reading the body throws.
  if (error instanceof ParseError && error.cause instanceof ApiError) return error.cause
  if (error instanceof ValidationError && error.type === 'response') {
    // Not even to the log goes Elysia's own text: it holds the whole answer, which may be a secret.
    const where = error.valueError?.path ?? 'an unknown place'
    return new ApiError('internal', { cause: new Error(`The answer does not fit its schema at ${where}`) })
  }
  // Here that text would repeat what was sent.
  if (error instanceof ValidationError || error instanceof ParseError) return new ApiError('malformed')
  return new ApiError('internal', { cause: error })
}

/** RFC 6750 section 3: the scheme on every 401, and what is wrong unless no token was given at all. */
function challenge(error: ApiError): string {
  const realm = 'Bearer realm="cikit-api"'
  if (error.anonymous) return realm
  if (error.kind === 'revokeForbidden') return `${realm}, error="insufficient_scope"`
  return `${realm}, error="invalid_token", error_description="${error.message}"`
}
