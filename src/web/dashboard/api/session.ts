import { computed, signal } from '@preact/signals'
import type { Group } from '../../../core/groups.ts'
import { ResponseError, send } from './http.ts'
import type { Session } from './stored-session.ts'
import { clearSession, loadSession, saveSession } from './stored-session.ts'

interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}

/** Asked for so long before it expires, since clocks and answers take their time. */
const REFRESH_MARGIN_MS = 30_000
/** One tab at a time: a refresh token that comes a second time ends its session (RFC 9700 section 4.14.2). */
const LOCK_NAME = 'cikit-session'

/** Undefined as long as it is not known whether one is remembered. */
export const session = signal<Session | null | undefined>(undefined)
/** What the server says of the person: the group may change at any moment. */
export const group = signal<Group | undefined>(undefined)
/** Why there is no session any more, for the page that asks for a new one. */
export const signOutReason = signal<string | undefined>(undefined)
/** Whether the session outlives the tab. */
let isPersistent = false

export const isManager = computed(() => group.value === 'manager' || group.value === 'owner')
export const isOwner = computed(() => group.value === 'owner')

/** Tabs take turns by this; browsers have it where the connection is safe. */
export const canRemember = 'locks' in navigator && 'indexedDB' in globalThis

/** Goes on with the session that this browser was asked to remember, if there is one. */
export async function restoreSession(): Promise<void> {
  const remembered = canRemember ? await loadSession().catch(() => undefined) : undefined
  isPersistent = remembered !== undefined
  session.value = remembered ?? null
}

/** @throws Refusal, Unreachable */
export async function signIn(username: string, code: string, rememberMe: boolean): Promise<void> {
  const tokens = await requestTokens({ username, code }, '/user/auth')
  isPersistent = rememberMe && canRemember
  await storeSession({ username, ...tokens })
  signOutReason.value = undefined
}

/** Ends the session, on the server first. What the server cannot be told is forgotten here all the same. */
export async function signOut(): Promise<void> {
  const accessToken = await freshAccessToken().catch(() => undefined)
  if (accessToken !== undefined)
    await send('/user/session/current', { method: 'DELETE' }, accessToken).catch(() => undefined)
  await endSession()
}

/** @param reason as the person is told, unless it was its own wish */
export async function endSession(reason?: string): Promise<void> {
  if (isPersistent) await clearSession().catch(() => undefined)
  isPersistent = false
  group.value = undefined
  signOutReason.value = reason
  session.value = null
}

/**
 * An access token that the server should take.
 * @param rejectedToken one that it did not take
 * @throws Refusal when the session is over
 */
export async function freshAccessToken(rejectedToken?: string): Promise<string> {
  const current = session.peek()
  if (!current) throw new ResponseError('Sign in first', 401, 908, undefined)
  if (isUsable(current, rejectedToken)) return current.access
  pendingRefresh ??= refreshAccessToken(rejectedToken).finally(() => {
    pendingRefresh = undefined
  })
  return await pendingRefresh
}

let pendingRefresh: Promise<string> | undefined

async function refreshAccessToken(rejectedToken: string | undefined): Promise<string> {
  return await withTabLock(async () => {
    const tabSession = session.peek()
    if (!tabSession) throw new ResponseError('Signed out', 401, 908, undefined)
    const storedSession = isPersistent ? await loadSession() : undefined
    // Signed out in another tab, perhaps for somebody else who is remembered now: what this tab has is its own.
    isPersistent = storedSession?.username === tabSession.username
    // Another tab may have refreshed it meanwhile.
    const current = isPersistent && storedSession ? storedSession : tabSession
    if (isUsable(current, rejectedToken)) {
      session.value = current
      return current.access
    }
    const { username } = current
    const renewed = await requestTokens(
      { grant_type: 'refresh_token', refresh_token: current.refresh },
      '/user/auth/refresh',
    )
    // Signed out while the answer was on its way.
    if (!session.peek()) throw new ResponseError('Signed out', 401, 908, undefined)
    await storeSession({ username, ...renewed })
    return renewed.access
  }).catch(async error => {
    if (error instanceof ResponseError && error.status === 401 && session.peek())
      await endSession('Your session has ended: sign in again.')
    throw error
  })
}

function isUsable({ access, accessExpiresAt }: Session, rejectedToken: string | undefined): boolean {
  return access !== rejectedToken && Date.now() < accessExpiresAt - REFRESH_MARGIN_MS
}

async function withTabLock<T>(task: () => Promise<T>): Promise<T> {
  return isPersistent ? await navigator.locks.request(LOCK_NAME, task) : await task()
}

async function storeSession(next: Session): Promise<void> {
  if (isPersistent) await saveSession(next)
  session.value = next
}

async function requestTokens(json: unknown, path: string): Promise<Omit<Session, 'username'>> {
  const response = await send(path, { method: 'POST', json })
  const tokens: Tokens = await response.json()
  const accessExpiresAt = Date.now() + tokens.expires_in * 1000
  return { access: tokens.access_token, refresh: tokens.refresh_token, accessExpiresAt }
}
