import { ApiError } from '../../core/errors.ts'
import { type Fields, MalformedBody } from './body.ts'

const TOKEN_FIELDS = ['access_token', 'refresh_token', 'enrolment_token', 'token']

/**
 * The bearer token of a request: from `Authorization: Bearer TOKEN` (RFC 6750 section 2.1), the same with a colon
 * after the scheme (as the original's README spelled it), or from the field `access_token` of the body (section 2.2).
 * A header of another scheme, or of another form, is no token.
 * @param body what a POST, PATCH or DELETE sent
 * @throws ApiError 917 for two different tokens, and for one in the query string, which ends up in every log
 */
export function readToken(request: Request, body: Fields | MalformedBody | undefined): string | undefined {
  rejectTokenInQuery(request.url)
  const header = request.headers.get('authorization') ?? ''
  const field = body instanceof MalformedBody ? undefined : body?.access_token
  const fromBody = typeof field === 'string' && field !== '' ? field : undefined
  // Two headers of one name come as one, with a comma between (RFC 9110 section 5.3).
  if (fromBody === undefined && !header.includes(',')) return parseBearer(header)
  const fromHeader = header.split(',').flatMap(value => parseBearer(value) ?? [])
  const tokens = new Set(fromBody ? [...fromHeader, fromBody] : fromHeader)
  if (tokens.size > 1) {
    throw new ApiError('malformed', { text: 'Two different access tokens in one request: send one' })
  }
  return tokens.values().next().value
}

function parseBearer(header: string): string | undefined {
  return /^ *bearer:? +(\S+) *$/i.exec(header)?.[1]
}

function rejectTokenInQuery(url: string): void {
  const queryStart = url.indexOf('?')
  if (queryStart === -1) return
  const query = new URLSearchParams(url.slice(queryStart + 1))
  if (TOKEN_FIELDS.some(field => query.has(field))) {
    throw new ApiError('malformed', {
      text: 'A token does not belong into the address: send it as Authorization: Bearer',
    })
  }
}
