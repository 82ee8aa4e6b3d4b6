import { t } from 'elysia'
import { ApiError } from '../errors.ts'
import { type Fields, isAbsent } from '../http/body.ts'
import type { Session } from '../store/sessions.ts'
import type { Tokens } from './service.ts'

export const tokenBody = t.Object({
  token_type: t.Literal('Bearer'),
  expires_in: t.Integer({ description: 'Seconds until the access token expires' }),
  access_token: t.String({ description: '64 hex digits' }),
  refresh_token: t.String({ description: '64 hex digits' }),
})

export function toTokenBody(tokens: Tokens): typeof tokenBody.static {
  return {
    token_type: 'Bearer',
    expires_in: tokens.expiresIn,
    access_token: tokens.access.reveal(),
    refresh_token: tokens.refresh.reveal(),
  }
}

export const sessionList = t.Array(
  t.Object({
    id: t.String(),
    created: t.String({ description: 'ISO 8601, UTC' }),
    last_used: t.String({ description: 'ISO 8601, UTC, to the minute' }),
    address: t.String({ description: 'From where the user logged in' }),
    agent: t.String({ description: 'The User-Agent of that login' }),
  }),
  { description: 'Oldest first' },
)

export function toSessionList(sessions: Session[]): typeof sessionList.static {
  return sessions.map(({ id, createdAt, lastUsedAt, address, agent }) => ({
    id,
    created: new Date(createdAt).toISOString(),
    last_used: new Date(lastUsedAt).toISOString(),
    address,
    agent,
  }))
}

export const enrolmentBody = t.Object({
  qr: t.String({ description: 'The QR code for an authenticator app, a PNG as data: address' }),
  secret: t.String({ description: 'The same secret for typing in, Base32' }),
})

/** @throws ApiError 901 for a missing field, 917 for a username that is no text, 902 for a code of another form */
export function parseLogin(fields: Fields): { username: string; code: string } {
  const { username, code } = fields
  if (isAbsent(username) || isAbsent(code)) throw new ApiError('credentialsMissing')
  if (typeof username !== 'string') throw new ApiError('malformed', { text: 'The "username" must be a text' })
  return { username, code: parseCode(code) }
}

/** @throws ApiError 917; what kind of token it is comes out later */
export function parseRefresh(fields: Fields): string {
  if (fields.grant_type !== 'refresh_token') {
    throw new ApiError('malformed', { text: 'The "grant_type" must be "refresh_token"' })
  }
  if (typeof fields.refresh_token !== 'string' || fields.refresh_token === '') {
    throw new ApiError('malformed', { text: 'The "refresh_token" is required, as a text' })
  }
  return fields.refresh_token
}

/** Six ASCII digits, as a text, or as a JSON number that has six. */
function parseCode(code: unknown): string {
  const text = typeof code === 'number' && Number.isInteger(code) ? String(code) : code
  if (typeof text !== 'string' || !/^[0-9]{6}$/.test(text)) throw new ApiError('codeRefused')
  return text
}
