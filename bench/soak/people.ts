import { codeAt } from '../../tests/_support/codes.ts'
import { exchange, pick, type Target } from './exchange.ts'

/** Somebody with an authenticator app, as far as the load needs to know. Used by one worker alone. */
export interface Person {
  username: string
  /** Base32. */
  secret: string
  /** An address of its own, which the first login proves. */
  from: string
  /** The last time step that was shown: a code is worth one login. */
  usedStep: number
  tokens?: { access_token: string; refresh_token: string } | undefined
}

const STEP_MS = 30_000

/** Makes a user as the owner does, and logs in. */
export async function enrol(target: Target, owner: string, username: string, from: string): Promise<Person> {
  const json = { username, group: 'viewer' }
  await exchange(target, { kind: 'user add', method: 'POST', path: '/user/add', token: owner, json, expected: [200] })
  const path = `/user/auth/setup/${username}`
  const shown = await exchange(target, { kind: 'user setup', method: 'GET', path, token: owner, expected: [200] })
  const { secret } = shown as { secret: string }
  const person = { username, secret, from, usedStep: 0 }
  await logIn(target, person)
  return person
}

/** @returns false when the code of this step was used already */
export async function logIn(target: Target, person: Person): Promise<boolean> {
  const now = Date.now()
  const step = Math.floor(now / STEP_MS)
  if (step <= person.usedStep) return false
  person.usedStep = step
  const json = { username: person.username, code: codeAt(person.secret, now) }
  const login = { method: 'POST', path: '/user/auth', from: person.from, json }
  const tokens = await exchange(target, { ...login, kind: 'login', expected: [200] })
  person.tokens = tokens as Person['tokens']
  // Sometimes once more: few enough that neither the user's lane nor the address is locked by it.
  if (Math.random() < 0.1) await exchange(target, { ...login, kind: 'login with a used code', expected: [902] })
  return true
}

export async function refresh(target: Target, person: Person): Promise<void> {
  const old = person.tokens
  if (!old) return void (await logIn(target, person))
  const ask = { method: 'POST', path: '/user/auth/refresh', json: refreshOf(old.refresh_token) }
  const fresh = await exchange(target, { ...ask, kind: 'refresh', expected: [200] })
  person.tokens = fresh as Person['tokens']
  if (Math.random() > 0.05) return
  // A copy in other hands: the session ends, and with it the new pair.
  const from = strangeAddress()
  await exchange(target, { ...ask, kind: 'refresh with a used token', from, expected: [910, 915] })
  const token = person.tokens?.access_token
  await exchange(target, { kind: 'ended session', method: 'GET', path: '/droplet/list', token, expected: [908] })
  person.tokens = undefined
}

export async function revoke(target: Target, person: Person): Promise<void> {
  const { tokens } = person
  if (!tokens) return
  const token = pick([tokens.access_token, tokens.refresh_token])
  const path = `/user/auth/revoke/${person.username}`
  await exchange(target, { kind: 'revoke', method: 'DELETE', path, token, expected: [200] })
  person.tokens = undefined
}

/** Looks at its sessions, and ends the oldest of them. */
export async function endSession(target: Target, person: Person): Promise<void> {
  const token = person.tokens?.access_token
  if (!token) return
  const path = `/user/sessions/${person.username}`
  const sessions = await exchange(target, { kind: 'session list', method: 'GET', path, token, expected: [200] })
  const [oldest, another] = (sessions ?? []) as { id: string }[]
  if (!oldest || !another) return
  const end = { kind: 'session end', method: 'DELETE', path: `/user/session/${oldest.id}`, token }
  await exchange(target, { ...end, expected: [200] })
}

export async function listDroplets(target: Target, person: Person): Promise<void> {
  const token = person.tokens?.access_token
  if (!token) return void (await logIn(target, person))
  await exchange(target, { kind: 'droplet list', method: 'GET', path: '/droplet/list', token, expected: [200] })
}

/** One of 65,536 addresses, so that no address is locked for what many do. */
export function strangeAddress(): string {
  return `10.99.${Math.floor(Math.random() * 256)}.${Math.floor(Math.random() * 256)}`
}

function refreshOf(token: string) {
  return { grant_type: 'refresh_token', refresh_token: token }
}
