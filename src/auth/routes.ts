import { Elysia } from 'elysia'
import { emptyBody } from '../api/http/fields.ts'
import type { Guard } from '../api/http/guards.ts'
import { okBody } from '../api/http/schema.ts'
import type { EnrolmentService } from './enrolment.ts'
import {
  confirmationRequest,
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
  toEnrolmentLinkBody,
  tokenBody,
  toRedeemedEnrolmentBody,
  toSessionList,
  toTokenBody,
} from './schema.ts'
import type { AuthService } from './service.ts'

/** Login, refresh and revocation. */
export function createAuthRoutes(guard: Guard, auth: AuthService) {
  return new Elysia({ name: 'auth-routes', prefix: '/user/auth' })
    .use(guard)
    .post(
      '/',
      async ({ actor, client, body }) => toTokenBody(await auth.login(actor, body.username, String(body.code), client)),
      { open: true, body: loginRequest, response: { 200: tokenBody } },
    )
    .post('/refresh', async ({ actor, body }) => toTokenBody(await auth.refresh(actor, body.refresh_token)), {
      open: true,
      body: refreshRequest,
      response: { 200: tokenBody },
    })
    .delete(
      '/revoke/:user',
      async ({ actor, user, params }) => {
        await auth.revoke(actor, user, params.user)
        return { status: 'ok' as const }
      },
      { anyToken: true, body: emptyBody, response: { 200: okBody } },
    )
}

/** Enrolment of an authenticator app by a link, which the owner creates or a recovery code is exchanged for. */
export function createEnrolmentRoutes(guard: Guard, enrolment: EnrolmentService, publicUrl: string) {
  return new Elysia({ name: 'enrolment-routes', prefix: '/user' })
    .use(guard)
    .post(
      '/enrol/:user',
      async ({ actor, params }) => toEnrolmentLinkBody(await enrolment.issue(actor, params.user), publicUrl),
      { group: 'owner', body: emptyBody, response: { 200: enrolmentLinkBody } },
    )
    .post(
      '/auth/recover',
      async ({ actor, body }) =>
        toEnrolmentLinkBody(await enrolment.recover(actor, body.username, body.recovery_code), publicUrl),
      { open: true, body: recoveryRequest, response: { 200: enrolmentLinkBody } },
    )
    .post(
      '/auth/enrol',
      async ({ actor, body }) => await toRedeemedEnrolmentBody(await enrolment.redeem(actor, body.enrolment_token)),
      { open: true, body: enrolmentRequest, response: { 200: redeemedEnrolmentBody } },
    )
    .post(
      '/auth/confirm',
      async ({ actor, body }) => {
        await enrolment.confirm(actor, body.enrolment_token, String(body.code))
        return { status: 'ok' as const }
      },
      { open: true, body: confirmationRequest, response: { 200: okBody } },
    )
}

/** Account and sessions. The owner may list and end the sessions of any user. */
export function createSessionRoutes(guard: Guard, auth: AuthService) {
  return new Elysia({ name: 'session-routes', prefix: '/user' })
    .use(guard)
    .get(
      '/me',
      ({ client, user }) => ({
        username: user.username,
        group: user.group,
        created: new Date(user.createdAt).toISOString(),
        session: auth.sessionIdOf(client.token) ?? '',
        recovery_codes_left: auth.recoveryCodesLeft(user),
      }),
      { group: 'viewer', response: { 200: meBody } },
    )
    .post(
      '/recovery-codes',
      async ({ actor, client, user, body }) => {
        const codes = await auth.renewRecoveryCodes(actor, user, String(body.code), client)
        return { recovery_codes: codes.map(code => code.reveal()) }
      },
      { group: 'viewer', body: recoveryCodesRequest, response: { 200: recoveryCodesBody } },
    )
    .get('/sessions/:user', ({ user, params }) => toSessionList(auth.listSessions(user, params.user)), {
      group: 'viewer',
      response: { 200: sessionList },
    })
    .delete(
      '/session/:id',
      async ({ actor, client, user, params }) => {
        await auth.endSession(actor, user, params.id, client.token)
        return { status: 'ok' as const }
      },
      { group: 'viewer', body: emptyBody, response: { 200: okBody } },
    )
}
