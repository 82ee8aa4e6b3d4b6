import { Elysia } from 'elysia'
import type { Guard } from '../api/http/guards.ts'
import { okBody } from '../api/http/schema.ts'
import type { EnrolmentService } from './enrolment.ts'
import {
  enrolmentLinkBody,
  meBody,
  parseCode,
  parseEnrolmentToken,
  parseLogin,
  parseRecovery,
  parseRefresh,
  recoveryCodesBody,
  redeemedEnrolmentBody,
  sessionList,
  toEnrolmentLinkBody,
  tokenBody,
  toRedeemedEnrolmentBody,
  toSessionList,
  toTokenBody,
} from './schema.ts'
import type { AuthService } from './service.ts'

/** Logging in and out. */
export function createAuthRoutes(guard: Guard, auth: AuthService) {
  return new Elysia({ name: 'auth-routes', prefix: '/user/auth' })
    .use(guard)
    .post(
      '/',
      async ({ caller }) => {
        const { username, code } = parseLogin(caller.fields)
        return toTokenBody(await auth.login(caller.actor, username, code, caller.client))
      },
      { open: true, response: { 200: tokenBody } },
    )
    .post(
      '/refresh',
      async ({ caller }) => toTokenBody(await auth.refresh(caller.actor, parseRefresh(caller.fields))),
      {
        open: true,
        response: { 200: tokenBody },
      },
    )
    .delete(
      '/revoke/:user',
      async ({ caller, user, params }) => {
        await auth.revoke(caller.actor, user, params.user)
        return { status: 'ok' as const }
      },
      { anyToken: true, response: { 200: okBody } },
    )
}

/** A new secret by a link, which the owner gives or a recovery code buys. */
export function createEnrolmentRoutes(guard: Guard, enrolment: EnrolmentService, publicUrl: string) {
  return new Elysia({ name: 'enrolment-routes', prefix: '/user' })
    .use(guard)
    .post(
      '/enrol/:user',
      async ({ caller, params }) => toEnrolmentLinkBody(await enrolment.issue(caller.actor, params.user), publicUrl),
      { group: 'owner', response: { 200: enrolmentLinkBody } },
    )
    .post(
      '/auth/recover',
      async ({ caller }) => {
        const { username, recoveryCode } = parseRecovery(caller.fields)
        return toEnrolmentLinkBody(await enrolment.recover(caller.actor, username, recoveryCode), publicUrl)
      },
      { open: true, response: { 200: enrolmentLinkBody } },
    )
    .post(
      '/auth/enrol',
      async ({ caller }) =>
        await toRedeemedEnrolmentBody(await enrolment.redeem(caller.actor, parseEnrolmentToken(caller.fields))),
      { open: true, response: { 200: redeemedEnrolmentBody } },
    )
    .post(
      '/auth/confirm',
      async ({ caller }) => {
        await enrolment.confirm(caller.actor, parseEnrolmentToken(caller.fields), parseCode(caller.fields.code))
        return { status: 'ok' as const }
      },
      { open: true, response: { 200: okBody } },
    )
}

/** Where a user is logged in: for itself, and for the owner. */
export function createSessionRoutes(guard: Guard, auth: AuthService) {
  return new Elysia({ name: 'session-routes', prefix: '/user' })
    .use(guard)
    .get(
      '/me',
      ({ caller, user }) => ({
        username: user.username,
        group: user.group,
        created: new Date(user.createdAt).toISOString(),
        session: auth.sessionIdOf(caller.client.token) ?? '',
        recovery_codes_left: auth.recoveryCodesLeft(user),
      }),
      { group: 'viewer', response: { 200: meBody } },
    )
    .post(
      '/recovery-codes',
      async ({ caller, user }) => {
        const { actor, fields, client } = caller
        const codes = await auth.renewRecoveryCodes(actor, user, parseCode(fields.code), client)
        return { recovery_codes: codes.map(code => code.reveal()) }
      },
      { group: 'viewer', response: { 200: recoveryCodesBody } },
    )
    .get('/sessions/:user', ({ user, params }) => toSessionList(auth.listSessions(user, params.user)), {
      group: 'viewer',
      response: { 200: sessionList },
    })
    .delete(
      '/session/:id',
      async ({ caller, user, params }) => {
        await auth.endSession(caller.actor, user, params.id, caller.client.token)
        return { status: 'ok' as const }
      },
      { group: 'viewer', response: { 200: okBody } },
    )
}
