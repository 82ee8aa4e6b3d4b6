import { computed, signal } from '@preact/signals'
import { createSessionClient } from '../../../api/client/session-client.ts'
import type { Group } from '../../../core/groups.ts'
import { ResponseError, send } from './http.ts'
import type { Session } from './stored-session.ts'
import { clearSession, loadSession, saveSession } from './stored-session.ts'

interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}

const REFRESH_MARGIN_MS = 30_000
/** Tabs share a remembered session, so they refresh it one at a time. */
const LOCK_NAME = 'cikit-session'

/** Undefined until the browser's remembered session has been looked up. */
export const session = signal<Session | null | undefined>(undefined)
/** The user's group according to the server; it can change during a session. */
export const group = signal<Group | undefined>(undefined)
/** Why the session ended, for the sign-in page. */
export const signOutReason = signal<string | undefined>(undefined)
/** Whether the session outlives the tab. */
let isPersistent = false

export const isManager = computed(() => group.value === 'manager' || group.value === 'owner')
export const isOwner = computed(() => group.value === 'owner')

/** Whether this browser can remember a session: the lock API needs a secure context. */
export const canRemember = 'locks' in navigator && 'indexedDB' in globalThis

/** Resumes the session that this browser remembers, if there is one. */
export async function restoreSession(): Promise<void> {
  const remembered = canRemember ? await loadSession().catch(() => undefined) : undefined
  isPersistent = remembered !== undefined
  session.value = remembered ?? null
}

/** @throws ResponseError, NetworkError */
export async function signIn(username: string, code: string, rememberMe: boolean): Promise<void> {
  const tokens = await requestTokens({ username, code }, '/user/auth')
  isPersistent = rememberMe && canRemember
  await storeSession({ username, ...tokens })
  signOutReason.value = undefined
}

/** Ends the session on the server, and here even if that fails. */
export async function signOut(): Promise<void> {
  await sessionClient
    .withSession(({ accessToken }) => send('/user/session/current', { method: 'DELETE' }, accessToken))
    .catch(() => undefined)
  await endSession()
}

/** @param reason shown on the sign-in page; none if the user signed out */
export async function endSession(reason?: string): Promise<void> {
  if (isPersistent) await clearSession().catch(() => undefined)
  isPersistent = false
  group.value = undefined
  signOutReason.value = reason
  session.value = null
}

export function isUnauthorized(error: unknown): boolean {
  return error instanceof ResponseError && error.status === 401
}

export const sessionClient = createSessionClient<Session>(
  {
    current: requireSession,
    reload: reloadSession,
    renew: renewSession,
    withLock: async work => (isPersistent ? await navigator.locks.request(LOCK_NAME, work) : await work()),
    isUnauthorized,
  },
  REFRESH_MARGIN_MS,
)

/** @throws ResponseError if there is no session */
function requireSession(): Session {
  const current = session.peek()
  if (!current) throw new ResponseError('Sign in first', 401, 908, undefined)
  return current
}

/** Takes over a session that another tab has refreshed. */
async function reloadSession(): Promise<Session> {
  const tabSession = requireSession()
  const storedSession = isPersistent ? await loadSession() : undefined
  // Another tab may have signed out, or signed in as another user: this tab then keeps its own session.
  isPersistent = storedSession?.username === tabSession.username
  const current = isPersistent && storedSession ? storedSession : tabSession
  session.value = current
  return current
}

async function renewSession({ username, refreshToken: refresh_token }: Session): Promise<Session> {
  const tokens = await requestTokens({ grant_type: 'refresh_token', refresh_token }, '/user/auth/refresh')
  // The user may have signed out in the meantime.
  requireSession()
  const renewed = { username, ...tokens }
  await storeSession(renewed)
  return renewed
}

async function storeSession(next: Session): Promise<void> {
  if (isPersistent) await saveSession(next)
  session.value = next
}

async function requestTokens(json: unknown, path: string): Promise<Omit<Session, 'username'>> {
  const response = await send(path, { method: 'POST', json })
  const tokens: Tokens = await response.json()
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    accessExpiresAt: Date.now() + tokens.expires_in * 1000,
  }
}
