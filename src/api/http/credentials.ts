import { ApiError } from '../../core/errors.ts'
import type { Fields } from './body.ts'

const TOKEN_FIELDS = ['access_token', 'refresh_token', 'enrolment_token', 'token']
const CANONICAL_HEADER = /^Bearer [^\s,]+$/
const SEPARATOR = ', Bearer '
const BEARER_HEADER = /^ *bearer:? +(\S+) *$/i

/**
 * Rewrites the Authorization header to `Bearer TOKEN`, the only form that `@elysiajs/bearer` reads reliably. Accepts any
 * case of the scheme, and a colon after it (as the original's README spelled it). A header of another form is removed.
 * Two headers of one name arrive joined by a comma (RFC 9110 section 5.3) and stay so.
 */
export function canonicalizeAuthorization(headers: Headers): void {
  const header = headers.get('authorization')
  if (header === null || CANONICAL_HEADER.test(header)) return
  const tokens = header.split(',').flatMap(value => BEARER_HEADER.exec(value)?.[1] ?? [])
  if (tokens.length === 0) headers.delete('authorization')
  else headers.set('authorization', `Bearer ${tokens.join(SEPARATOR)}`)
}

/**
 * The access token of a request: from the header (RFC 6750 section 2.1), or from the field `access_token` of the body
 * (section 2.2).
 * @param bearer the canonical header without its first scheme
 * @throws ApiError 917 for two different tokens, and for a token in the query string, which ends up in every log
 */
export function readToken(
  url: string,
  bearer: string | undefined,
  { access_token: field }: Fields,
): string | undefined {
  rejectTokenInQuery(url)
  const bodyToken = typeof field === 'string' && field !== '' ? field : undefined
  if (bodyToken === undefined && !bearer?.includes(SEPARATOR)) return bearer
  const tokens = new Set([...(bearer?.split(SEPARATOR) ?? []), ...(bodyToken === undefined ? [] : [bodyToken])])
  if (tokens.size > 1) {
    throw new ApiError('malformed', { text: 'The request has two different access tokens; send one' })
  }
  return tokens.values().next().value
}

function rejectTokenInQuery(url: string): void {
  const queryStart = url.indexOf('?')
  if (queryStart === -1) return
  const query = new URLSearchParams(url.slice(queryStart + 1))
  if (TOKEN_FIELDS.some(field => query.has(field))) {
    throw new ApiError('malformed', {
      text: 'Tokens are not accepted in the query string; use the Authorization header',
    })
  }
}
