import { t } from 'elysia'
import { type FieldErrors, integerField, requestBody, textField } from '../api/http/fields.ts'
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
    address: t.String({ description: 'Address of the client at login' }),
    agent: t.String({ description: 'User-Agent of the client at login' }),
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
  session: t.String({ description: 'ID of the current session' }),
  recovery_codes_left: t.Integer(),
})

export const recoveryCodesBody = t.Object({
  recovery_codes: t.Array(t.String(), { description: 'Returned only once' }),
})

export const enrolmentBody = t.Object({
  qr: t.String({ description: 'QR code for an authenticator app: a PNG as a data: URL' }),
  secret: t.String({ description: 'The same secret in Base32, for manual entry' }),
})

export const enrolmentLinkBody = t.Object({
  url: t.String({
    description: 'The page that reveals the new secret once; without --public-url, relative to this server',
  }),
  enrolment_token: t.String({ description: 'The token in the link, for POST /user/auth/enrol: 64 hex digits' }),
  expires: t.String({ description: 'ISO 8601, UTC' }),
})

/** @param publicUrl with a trailing slash; empty if not configured, because the `Host` header is not trustworthy */
export function toEnrolmentLinkBody(link: EnrolmentLink, publicUrl: string): typeof enrolmentLinkBody.static {
  const token = link.token.reveal()
  // Browsers do not send the fragment (RFC 3986 section 3.5).
  const url = `${publicUrl || '/'}enrol#${token}`
  return { url, enrolment_token: token, expires: new Date(link.expiresAt).toISOString() }
}

export const redeemedEnrolmentBody = t.Object({
  username: t.String(),
  secret: t.String({ description: 'Base32' }),
  otpauth_url: t.String(),
  qr: t.String({ description: 'QR code for an authenticator app: a PNG as a data: URL' }),
  recovery_codes: t.Array(t.String()),
  expires: t.String({ description: 'ISO 8601, UTC: the secret is discarded unless a code of it is used by then' }),
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

/** Six ASCII digits, as text or as a JSON number. */
const codeField = (errors: FieldErrors) =>
  t.Union([t.String({ pattern: '^[0-9]{6}$' }), integerField({ minimum: 100_000, maximum: 999_999 })], {
    description: 'Six digits from the authenticator app, valid for one login',
    errors: { invalid: ['codeRefused'], ...errors },
  })

const usernameField = (errors: FieldErrors) =>
  textField({
    description: 'Exact: `Owner` is not `owner`',
    errors: { invalid: ['malformed', 'The "{field}" must be text'], ...errors },
  })

export const loginRequest = requestBody({
  username: usernameField({ missing: ['credentialsMissing'] }),
  code: codeField({ missing: ['credentialsMissing'] }),
})

export const refreshRequest = requestBody({
  grant_type: t.Literal('refresh_token', {
    errors: { invalid: ['malformed', 'The "grant_type" must be "refresh_token"'] },
  }),
  refresh_token: textField({ errors: { invalid: ['malformed', 'The "refresh_token" is required, as text'] } }),
})

const recoveryMissing: FieldErrors = {
  missing: ['credentialsMissing', 'Both "username" and "recovery_code" are required'],
}
export const recoveryRequest = requestBody({
  username: usernameField(recoveryMissing),
  recovery_code: textField({ errors: { invalid: ['malformed', 'The "{field}" must be text'], ...recoveryMissing } }),
})

const enrolmentTokenField = textField({
  description: 'The part of the link after `#`: 64 hex digits',
  errors: { invalid: ['malformed', 'The "enrolment_token" is required, as text'] },
})

export const enrolmentRequest = requestBody({ enrolment_token: enrolmentTokenField })

export const confirmationRequest = requestBody({ enrolment_token: enrolmentTokenField, code: codeField({}) })

export const recoveryCodesRequest = requestBody({ code: codeField({}) })
