import { Elysia, NotFoundError, ParseError, ValidationError } from 'elysia'
import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import { requestId } from './exchange.ts'

/**
 * Turns whatever was thrown into `{error, errorId}`. Mounted before any route. What is not of our catalogue is told
 * to the client without details, and to the log with all of them.
 */
export function createErrorHandler(log: Log) {
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
    set.status = known.status
    if (known.status === 401) set.headers['www-authenticate'] = challenge(known)
    return { error: known.message, errorId: known.errorId }
  })
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof NotFoundError) return new ApiError('routeNotFound')
  // Elysia's own text would repeat what was sent.
  if (error instanceof ValidationError || error instanceof ParseError) return new ApiError('malformed')
  return new ApiError('internal', { cause: error })
}

/** RFC 6750 section 3: the scheme on every 401, and what is wrong unless no token was given at all. */
function challenge(error: ApiError): string {
  const realm = 'Bearer realm="cikit-api"'
  if (error.kind === 'revokeForbidden') return `${realm}, error="insufficient_scope"`
  return `${realm}, error="invalid_token", error_description="${error.message}"`
}
