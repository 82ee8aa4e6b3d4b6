import { t } from 'elysia'
import { type Fields, isAbsent } from '../api/http/body.ts'
import { ApiError } from '../core/errors.ts'
import { groups } from '../core/groups.ts'
import type { Session } from '../store/sessions.ts'
import type { EnrolmentLink, RedeemedEnrolment } from './enrolment.ts'
import { qrDataUrl } from './qr.ts'
import type { Tokens } from './tokens.ts'

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

export const meBody = t.Object({
  username: t.String(),
  group: t.UnionEnum(groups),
  created: t.String({ description: 'ISO 8601, UTC' }),
  session: t.String({ description: 'Id of the session that asks' }),
  recovery_codes_left: t.Integer(),
})

export const recoveryCodesBody = t.Object({
  recovery_codes: t.Array(t.String(), { description: 'Shown this once' }),
})

export const enrolmentBody = t.Object({
  qr: t.String({ description: 'The QR code for an authenticator app, a PNG as data: address' }),
  secret: t.String({ description: 'The same secret for typing in, Base32' }),
})

export const enrolmentLinkBody = t.Object({
  url: t.String({
    description: 'The page that shows the new secret, once; relative to this server without --public-url',
  }),
  enrolment_token: t.String({ description: 'The same, for POST /user/auth/enrol: 64 hex digits' }),
  expires: t.String({ description: 'ISO 8601, UTC' }),
})

/** @param publicUrl of this server, ending in a slash; empty where the operator named none: `Host` is anybody's word */
export function toEnrolmentLinkBody(link: EnrolmentLink, publicUrl: string): typeof enrolmentLinkBody.static {
  const token = link.token.reveal()
  // In the fragment, which browsers send to nobody (RFC 3986 section 3.5).
  const url = `${publicUrl || '/'}enrol#${token}`
  return { url, enrolment_token: token, expires: new Date(link.expiresAt).toISOString() }
}

export const redeemedEnrolmentBody = t.Object({
  username: t.String(),
  secret: t.String({ description: 'Base32' }),
  otpauth_url: t.String(),
  qr: t.String({ description: 'The QR code for an authenticator app, a PNG as data: address' }),
  recovery_codes: t.Array(t.String()),
  expires: t.String({ description: 'ISO 8601, UTC: log in with a code of this secret by then, or it is forgotten' }),
})

export async function toRedeemedEnrolmentBody(
  redeemed: RedeemedEnrolment,
): Promise<typeof redeemedEnrolmentBody.static> {
  return {
    username: redeemed.username,
    secret: redeemed.secret.reveal(),
    otpauth_url: redeemed.otpauthUrl.reveal(),
    qr: await qrDataUrl(redeemed.otpauthUrl.reveal()),
    recovery_codes: redeemed.recoveryCodes.map(code => code.reveal()),
    expires: new Date(redeemed.expiresAt).toISOString(),
  }
}

/** @throws ApiError 901 for a missing field, 917 for one that is no text */
export function parseRecovery(fields: Fields): { username: string; recoveryCode: string } {
  const { username, recovery_code: recoveryCode } = fields
  if (isAbsent(username) || isAbsent(recoveryCode)) {
    throw new ApiError('credentialsMissing', { text: 'Both "username" and "recovery_code" are required' })
  }
  if (typeof username !== 'string' || typeof recoveryCode !== 'string') {
    throw new ApiError('malformed', { text: 'The "username" and the "recovery_code" must be texts' })
  }
  return { username, recoveryCode }
}

/** @throws ApiError 917 */
export function parseEnrolmentToken(fields: Fields): string {
  if (typeof fields.enrolment_token === 'string' && fields.enrolment_token !== '') return fields.enrolment_token
  throw new ApiError('malformed', { text: 'The "enrolment_token" is required, as a text' })
}

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

/**
 * Six ASCII digits, as a text, or as a JSON number that has six.
 * @throws ApiError 902
 */
export function parseCode(code: unknown): string {
  const text = typeof code === 'number' && Number.isInteger(code) ? String(code) : code
  if (typeof text !== 'string' || !/^[0-9]{6}$/.test(text)) throw new ApiError('codeRefused')
  return text
}
