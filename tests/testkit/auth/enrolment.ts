import { expect } from 'bun:test'
import { createTestApi, type TestApi } from '../api/test-api.ts'
import { codeAt } from './totp.ts'

export type EnrolmentLink = { url: string; enrolment_token: string; expires: string }
export type EnrolmentDetails = Record<'username' | 'secret' | 'otpauth_url' | 'qr' | 'expires', string> & {
  recovery_codes: string[]
}

/** An API with an owner and the manager Ada, both logged in. */
export async function createEnrolmentHost(overrides: Parameters<typeof createTestApi>[0] = {}) {
  const api = await createTestApi(overrides)
  const owner = await api.logInAs('owner')
  const ada = await api.logInAs('manager', 'ada')
  return { api, owner, ada, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

export async function issueLink(api: TestApi, token: string, username = 'ada'): Promise<EnrolmentLink> {
  const { status, body } = await api.call('POST', `/user/enrol/${username}`, { token })
  expect(status).toBe(200)
  return body as EnrolmentLink
}

export const redeemLink = (api: TestApi, token: string) =>
  api.call('POST', '/user/auth/enrol', { json: { enrolment_token: token } })

export async function showEnrolment(api: TestApi, link: EnrolmentLink): Promise<EnrolmentDetails> {
  const { status, body } = await redeemLink(api, link.enrolment_token)
  expect(status).toBe(200)
  return body as EnrolmentDetails
}

export const logIn = (api: TestApi, username: string, secret: string) =>
  api.call('POST', '/user/auth', { json: { username, code: codeAt(secret, api.clock.now()) } })

export const recover = (api: TestApi, username: string, code: string) =>
  api.call('POST', '/user/auth/recover', { json: { username, recovery_code: code } })

export const confirmEnrolment = (api: TestApi, token: string, code: string) =>
  api.call('POST', '/user/auth/confirm', { json: { enrolment_token: token, code } })
