import { expect } from 'bun:test'
import { createTestApi, type TestApi } from './api.ts'
import { codeAt } from './codes.ts'

export type Link = { url: string; enrolment_token: string; expires: string }
export type Shown = Record<'username' | 'secret' | 'otpauth_url' | 'qr' | 'expires', string> & {
  recovery_codes: string[]
}

/** An owner, and Ada with her phone and one session. */
export async function createHost(overrides: Parameters<typeof createTestApi>[0] = {}) {
  const api = await createTestApi(overrides)
  const owner = await api.signedIn('owner')
  const ada = await api.signedIn('manager', 'ada')
  return { api, owner, ada, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

export async function issue(api: TestApi, token: string, username = 'ada'): Promise<Link> {
  const { status, body } = await api.call('POST', `/user/enrol/${username}`, { token })
  expect(status).toBe(200)
  return body as Link
}

export const redeem = (api: TestApi, token: string) =>
  api.call('POST', '/user/auth/enrol', { json: { enrolment_token: token } })

export async function show(api: TestApi, link: Link): Promise<Shown> {
  const { status, body } = await redeem(api, link.enrolment_token)
  expect(status).toBe(200)
  return body as Shown
}

export const login = (api: TestApi, username: string, secret: string) =>
  api.call('POST', '/user/auth', { json: { username, code: codeAt(secret, api.clock.now()) } })

export const recover = (api: TestApi, username: string, code: string) =>
  api.call('POST', '/user/auth/recover', { json: { username, recovery_code: code } })

export const confirm = (api: TestApi, token: string, code: string) =>
  api.call('POST', '/user/auth/confirm', { json: { enrolment_token: token, code } })
