import { Elysia, NotFoundError, ParseError, ValidationError } from 'elysia'
import type { Audit } from '../../audit/service.ts'
import { ApiError } from '../../core/errors.ts'
import { describeError, type Log } from '../../core/log.ts'
import { attemptOf, recordError, requestIdOf } from './request-context.ts'
import { toFieldError } from './validation-error.ts'

/**
 * Turns every thrown error into `{error, errorId}`; mounted before any route. Unexpected errors are logged in full and
 * reported without details.
 */
export function createErrorHandler(log: Log, audit: Pick<Audit, 'recordDenial'>) {
  return new Elysia({ name: 'error-handler' }).onError({ as: 'global' }, ({ error, request, set }) => {
    const apiError = toApiError(error)
    if (apiError.kind === 'internal' || apiError.cause !== undefined) {
      const level = apiError.status >= 500 ? 'error' : 'info'
      log[level]('request failed', {
        requestId: requestIdOf(request),
        errorId: apiError.errorId,
        error: describeError(apiError),
      })
    }
    const attempt = attemptOf(request)
    if (attempt && apiError.status < 500)
      audit.recordDenial(attempt.actor, attempt.target, apiError, attempt.isAuthenticated)
    recordError(request, apiError.errorId)
    set.status = apiError.status
    if (apiError.status === 401) set.headers['www-authenticate'] = challenge(apiError)
    // RFC 9112 section 9.6.
    if (apiError.closeConnection) set.headers.connection = 'close'
    if (apiError.retryAfterSeconds !== undefined) set.headers['retry-after'] = String(apiError.retryAfterSeconds)
    return { error: apiError.message, errorId: apiError.errorId }
  })
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof NotFoundError) return new ApiError('routeNotFound')
  // Elysia wraps errors thrown while the body is read.
  if (error instanceof ParseError && error.cause instanceof ApiError) return error.cause
  if (error instanceof ValidationError && error.type === 'response') {
    // Elysia's own text contains the whole response, which may hold secrets.
    const path = error.valueError?.path ?? 'an unknown path'
    return new ApiError('internal', { cause: new Error(`The response does not match its schema at ${path}`) })
  }
  if (error instanceof ValidationError) return toFieldError(error)
  if (error instanceof ParseError) return new ApiError('malformed')
  return new ApiError('internal', { cause: error })
}

/** RFC 6750 section 3: the scheme on every 401, and the reason unless no token was given. */
function challenge(error: ApiError): string {
  const realm = 'Bearer realm="cikit-api"'
  if (error.anonymous) return realm
  if (error.kind === 'revokeForbidden') return `${realm}, error="insufficient_scope"`
  return `${realm}, error="invalid_token", error_description="${error.message}"`
}
