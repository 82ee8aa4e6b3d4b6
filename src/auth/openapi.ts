import type { TagSection } from '../api/openapi/description.ts'
import { okResponse } from '../api/openapi/ok-response.ts'
import {
  confirmationRequest,
  enrolmentBody,
  enrolmentLinkBody,
  enrolmentRequest,
  loginRequest,
  meBody,
  recoveryCodesBody,
  recoveryCodesRequest,
  recoveryRequest,
  redeemedEnrolmentBody,
  refreshRequest,
  sessionList,
  tokenBody,
} from './schema.ts'
import { provisioningUri, toBase32 } from './totp.ts'

const ACCESS_TOKEN = '5e1183c0a9f42d76b8e05c1f9a3d7e640b2c85f1d49e7a360c8b5f2e9d147a36'
const REFRESH_TOKEN = '3ead70f1c5b2984e6d0a7f3c81e95b24d6f0a83c7e19b5428f6d0c3a91e7b548'
const ENROLMENT_TOKEN = '9a0c4e71d8b35f2609e7c1a4d6f8b3025e9c7a41f0d8b6325c4e9a7f1d0b8362'
const SECRET_BYTES = Uint8Array.fromHex('48656c6c6f21deadbeef48656c6c6f21deadbeef')
const SECRET = toBase32(SECRET_BYTES)
const QR = 'data:image/png;base64,iVBORw0KGgo…'

const tokensResponse = {
  description: 'A new pair of tokens',
  schema: tokenBody,
  example: {
    token_type: 'Bearer',
    expires_in: 7200,
    access_token: ACCESS_TOKEN,
    refresh_token: REFRESH_TOKEN,
  },
}
const linkResponse = {
  description: 'The link, valid for one use within 24 hours',
  schema: enrolmentLinkBody,
  example: {
    url: `https://matrix.example.com/enrol#${ENROLMENT_TOKEN}`,
    enrolment_token: ENROLMENT_TOKEN,
    expires: '2026-11-24T13:41:10.002Z',
  },
}

export const loginSection: TagSection = {
  name: 'Login',
  description:
    'A username and a code from an authenticator app are exchanged for a pair of tokens. The access token authenticates every other request for two hours; the refresh token is exchanged for the next pair.',
  models: { Tokens: tokenBody },
  routes: {
    'POST /api/v1/user/auth': {
      summary: 'Log in',
      description:
        'Each code is valid for one login. An unknown user and a wrong code get the same response. Five wrong codes in a row lock the login for a minute; each further one doubles that time.',
      access: 'open',
      request: {
        schema: loginRequest,
        example: { username: 'owner', code: '123456' },
      },
      responses: { 200: tokensResponse },
      errors: ['credentialsMissing', 'codeRefused', 'tooManyAttempts'],
    },
    'POST /api/v1/user/auth/refresh': {
      summary: 'Refresh the tokens',
      description:
        'The old pair becomes invalid. Reusing an old refresh token ends its session, because the token may have been stolen. A session ends after 7 days without a refresh, and after 30 days in any case.',
      access: 'open',
      request: {
        schema: refreshRequest,
        example: { grant_type: 'refresh_token', refresh_token: REFRESH_TOKEN },
      },
      responses: { 200: tokensResponse },
      errors: ['refreshTokenUnknown', 'tooManyAttempts'],
    },
    'DELETE /api/v1/user/auth/revoke/:user': {
      summary: 'End all sessions of a user',
      description:
        'Users may end their own sessions, with the access token or the refresh token; the owner may end those of any user.',
      access: 'anyToken',
      responses: { 200: okResponse },
      errors: ['userNotFound', 'revokeForbidden'],
    },
  },
}

export const enrolmentSection: TagSection = {
  name: 'Enrolment',
  description:
    'Enrolment transfers a user’s secret to an authenticator app: the owner shows it, or a link reveals it once. The page `/enrol` uses the same routes.',
  models: { Enrolment: enrolmentBody, EnrolmentLink: enrolmentLinkBody, ShownEnrolment: redeemedEnrolmentBody },
  routes: {
    'GET /api/v1/user/auth/setup/:user': {
      summary: "Show a user's secret",
      access: 'owner',
      responses: {
        200: {
          description: 'The secret, for an authenticator app',
          schema: enrolmentBody,
          example: { qr: QR, secret: SECRET },
        },
      },
      errors: ['userNotFound', 'storeUnavailable'],
    },
    'POST /api/v1/user/enrol/:user': {
      summary: 'Create an enrolment link',
      description:
        'Give it to the user. The new secret takes effect with its first code; until then the old one remains valid. Revoking the user withdraws the link.',
      access: 'owner',
      responses: { 200: linkResponse },
      errors: ['userNotFound'],
    },
    'POST /api/v1/user/auth/recover': {
      summary: 'Exchange a recovery code for a link',
      description: 'Each recovery code is exchanged for one link, never for a session.',
      access: 'open',
      request: {
        schema: recoveryRequest,
        example: { username: 'ann', recovery_code: 'abcd-efgh-ijkl-mnop' },
      },
      responses: { 200: linkResponse },
      errors: ['credentialsMissing', 'recoveryRefused', 'tooManyAttempts'],
    },
    'POST /api/v1/user/auth/enrol': {
      summary: 'Redeem an enrolment link',
      description: 'Returns a new secret, once. It is discarded unless a code confirms it within 24 hours.',
      access: 'open',
      request: {
        schema: enrolmentRequest,
        example: { enrolment_token: ENROLMENT_TOKEN },
      },
      responses: {
        200: {
          description: 'The new secret, with ten recovery codes',
          schema: redeemedEnrolmentBody,
          example: {
            username: 'ann',
            secret: SECRET,
            otpauth_url: provisioningUri(SECRET_BYTES, 'ann', 'matrix'),
            qr: QR,
            recovery_codes: ['abcd-efgh-ijkl-mnop', 'qrst-uvwx-yz23-4567'],
            expires: '2026-11-24T13:41:10.002Z',
          },
        },
      },
      errors: ['enrolmentUnknown', 'tooManyAttempts'],
    },
    'POST /api/v1/user/auth/confirm': {
      summary: 'Confirm the new secret',
      description:
        'Activates the secret and ends all earlier sessions. A login with one of its codes has the same effect.',
      access: 'open',
      request: {
        schema: confirmationRequest,
        example: { enrolment_token: ENROLMENT_TOKEN, code: '123456' },
      },
      responses: { 200: okResponse },
      errors: ['enrolmentUnknown', 'codeRefused', 'tooManyAttempts'],
    },
  },
}

export const sessionSection: TagSection = {
  name: 'Sessions',
  description: 'A user has at most ten sessions; an eleventh login ends the oldest.',
  models: { SessionList: sessionList, Me: meBody },
  routes: {
    'GET /api/v1/user/me': {
      summary: 'Get your account',
      access: 'viewer',
      responses: {
        200: {
          description: 'The token’s user and session',
          schema: meBody,
          example: {
            username: 'ann',
            group: 'manager',
            created: '2026-11-23T13:39:10.571Z',
            session: 'b1a7c1de-2f0b-4d8e-9a39-5e0c2f6f1c55',
            recovery_codes_left: 10,
          },
        },
      },
    },
    'POST /api/v1/user/recovery-codes': {
      summary: 'Replace your recovery codes',
      description:
        'Needs an unused code from your authenticator app. Returns ten new codes, once; the previous ones become invalid.',
      access: 'viewer',
      request: {
        schema: recoveryCodesRequest,
        example: { code: '492039' },
      },
      responses: {
        200: {
          description: 'The codes',
          schema: recoveryCodesBody,
          example: { recovery_codes: ['abcd-efgh-ijkl-mnop', 'qrst-uvwx-yz23-4567'] },
        },
      },
      errors: ['codeRefused', 'tooManyAttempts'],
    },
    'GET /api/v1/user/sessions/:user': {
      summary: "List a user's sessions",
      description: 'For the user and for the owner.',
      access: 'viewer',
      responses: {
        200: {
          description: 'Oldest first',
          schema: sessionList,
          example: [
            {
              id: 'b1a7c1de-2f0b-4d8e-9a39-5e0c2f6f1c55',
              created: '2026-11-23T13:39:10.571Z',
              last_used: '2026-11-23T13:41:00.000Z',
              address: '127.0.0.1',
              agent: 'curl/8.5.0',
            },
          ],
        },
      },
      errors: ['userNotFound', 'groupForbidden'],
    },
    'DELETE /api/v1/user/session/:id': {
      summary: 'End one session',
      description: 'One of your own, or any as the owner; `current` is the session of the token.',
      access: 'viewer',
      responses: { 200: okResponse },
      errors: ['sessionNotFound'],
    },
  },
}
