import { STEP_MS } from '../../tests/testkit/auth/time-step.ts'
import { codeAt } from '../../tests/testkit/auth/totp.ts'
import { pickRandom, sendRequest, type Target } from './request.ts'

/** A user with an authenticator app. Used by one worker only. */
export interface SoakUser {
  username: string
  /** Base32. */
  secret: string
  /** Unique; the first login makes it a known address of this user. */
  clientAddress: string
  /** The last time step whose code was sent: each code is valid for one login. */
  lastUsedStep: number
  tokens?: { access_token: string; refresh_token: string } | undefined
}

/** Adds a user as the owner and logs in as that user. */
export async function enrolUser(
  target: Target,
  ownerToken: string,
  username: string,
  clientAddress: string,
): Promise<SoakUser> {
  const json = { username, group: 'viewer' }
  await sendRequest(target, {
    kind: 'user add',
    method: 'POST',
    path: '/user/add',
    token: ownerToken,
    json,
    expectedOutcomes: [200],
  })
  const path = `/user/auth/setup/${username}`
  const setup = await sendRequest(target, {
    kind: 'user setup',
    method: 'GET',
    path,
    token: ownerToken,
    expectedOutcomes: [200],
  })
  const { secret } = setup as { secret: string }
  const user = { username, secret, clientAddress, lastUsedStep: 0 }
  await logIn(target, user)
  return user
}

/** @returns false if the code of this step was already used */
export async function logIn(target: Target, user: SoakUser): Promise<boolean> {
  const now = Date.now()
  const step = Math.floor(now / STEP_MS)
  if (step <= user.lastUsedStep) return false
  user.lastUsedStep = step
  const json = { username: user.username, code: codeAt(user.secret, now) }
  const login = { method: 'POST', path: '/user/auth', clientAddress: user.clientAddress, json }
  const tokens = await sendRequest(target, { ...login, kind: 'login', expectedOutcomes: [200] })
  user.tokens = tokens as SoakUser['tokens']
  // Reuses the code occasionally, but too rarely to lock the user or the address.
  if (Math.random() < 0.1)
    await sendRequest(target, { ...login, kind: 'login with a used code', expectedOutcomes: [902] })
  return true
}

export async function refresh(target: Target, user: SoakUser): Promise<void> {
  const oldTokens = user.tokens
  if (!oldTokens) return void (await logIn(target, user))
  const request = { method: 'POST', path: '/user/auth/refresh', json: refreshBody(oldTokens.refresh_token) }
  const newTokens = await sendRequest(target, { ...request, kind: 'refresh', expectedOutcomes: [200] })
  user.tokens = newTokens as SoakUser['tokens']
  if (Math.random() > 0.05) return
  // Reuse of a refresh token looks like theft: it ends the session, including the new token pair.
  const clientAddress = randomAddress()
  await sendRequest(target, {
    ...request,
    kind: 'refresh with a used token',
    clientAddress,
    expectedOutcomes: [910, 915],
  })
  const token = user.tokens?.access_token
  await sendRequest(target, {
    kind: 'ended session',
    method: 'GET',
    path: '/droplet/list',
    token,
    expectedOutcomes: [908],
  })
  user.tokens = undefined
}

export async function revoke(target: Target, user: SoakUser): Promise<void> {
  const { tokens } = user
  if (!tokens) return
  const token = pickRandom([tokens.access_token, tokens.refresh_token])
  const path = `/user/auth/revoke/${user.username}`
  await sendRequest(target, { kind: 'revoke', method: 'DELETE', path, token, expectedOutcomes: [200] })
  user.tokens = undefined
}

/** Lists the user's sessions and ends the oldest if there is more than one. */
export async function endSession(target: Target, user: SoakUser): Promise<void> {
  const token = user.tokens?.access_token
  if (!token) return
  const path = `/user/sessions/${user.username}`
  const sessions = await sendRequest(target, {
    kind: 'session list',
    method: 'GET',
    path,
    token,
    expectedOutcomes: [200],
  })
  const [oldest, second] = (sessions ?? []) as { id: string }[]
  if (!oldest || !second) return
  const request = { kind: 'session end', method: 'DELETE', path: `/user/session/${oldest.id}`, token }
  await sendRequest(target, { ...request, expectedOutcomes: [200] })
}

export async function listDroplets(target: Target, user: SoakUser): Promise<void> {
  const token = user.tokens?.access_token
  if (!token) return void (await logIn(target, user))
  await sendRequest(target, {
    kind: 'droplet list',
    method: 'GET',
    path: '/droplet/list',
    token,
    expectedOutcomes: [200],
  })
}

/** One of 65,536 addresses, so that the load of many clients does not lock one address. */
export function randomAddress(): string {
  return `10.99.${Math.floor(Math.random() * 256)}.${Math.floor(Math.random() * 256)}`
}

function refreshBody(token: string) {
  return { grant_type: 'refresh_token', refresh_token: token }
}
