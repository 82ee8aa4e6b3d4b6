import { computed, signal } from '@preact/signals'
import type { Group } from '../../../store/users.ts'
import { Refusal, send } from './http.ts'
import { forget, recall, remember } from './remembered.ts'

/** Where a person is logged in, in this tab. */
export interface Session {
  username: string
  access: string
  refresh: string
  /** Milliseconds since 1970, by this computer's clock. */
  accessExpiresAt: number
}

interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}

/** Asked for so long before it expires, since clocks and answers take their time. */
const REFRESH_BEFORE_MS = 30_000
/** One tab at a time: a refresh token that comes a second time ends its session (RFC 9700 section 4.14.2). */
const LOCK = 'cikit-session'

/** Undefined as long as it is not known whether one is remembered. */
export const session = signal<Session | null | undefined>(undefined)
/** What the server says of the person: the group may change at any moment. */
export const group = signal<Group | undefined>(undefined)
/** Why there is no session any more, for the page that asks for a new one. */
export const farewell = signal<string | undefined>(undefined)
/** Whether the session outlives the tab. */
let isRemembered = false

export const isManager = computed(() => group.value === 'manager' || group.value === 'owner')
export const isOwner = computed(() => group.value === 'owner')

/** Tabs take turns by this; browsers have it where the connection is safe. */
export const canRemember = 'locks' in navigator && 'indexedDB' in globalThis

/** Goes on with the session that this browser was asked to remember, if there is one. */
export async function resume(): Promise<void> {
  const remembered = canRemember ? await recall().catch(() => undefined) : undefined
  isRemembered = remembered !== undefined
  session.value = remembered ?? null
}

/** @throws Refusal, Unreachable */
export async function signIn(username: string, code: string, wantsToBeRemembered: boolean): Promise<void> {
  const tokens = await exchange({ username, code }, '/user/auth')
  isRemembered = wantsToBeRemembered && canRemember
  await keep({ username, ...tokens })
  farewell.value = undefined
}

/** Ends the session, on the server first. What the server cannot be told is forgotten here all the same. */
export async function signOut(): Promise<void> {
  const access = await freshAccess().catch(() => undefined)
  if (access !== undefined) await send('/user/session/current', { method: 'DELETE' }, access).catch(() => undefined)
  await end()
}

/** @param why as the person is told, unless it was its own wish */
export async function end(why?: string): Promise<void> {
  if (isRemembered) await forget().catch(() => undefined)
  isRemembered = false
  group.value = undefined
  farewell.value = why
  session.value = null
}

/**
 * An access token that the server should take.
 * @param refused one that it did not take
 * @throws Refusal when the session is over
 */
export async function freshAccess(refused?: string): Promise<string> {
  const present = session.peek()
  if (!present) throw new Refusal('Sign in first', 401, 908, undefined)
  if (isGood(present, refused)) return present.access
  refreshing ??= refresh(refused).finally(() => {
    refreshing = undefined
  })
  return await refreshing
}

let refreshing: Promise<string> | undefined

async function refresh(refused: string | undefined): Promise<string> {
  return await inTurn(async () => {
    const mine = session.peek()
    if (!mine) throw new Refusal('Signed out', 401, 908, undefined)
    const kept = isRemembered ? await recall() : undefined
    // Signed out in another tab, perhaps for somebody else who is remembered now: what this tab has is its own.
    isRemembered = kept?.username === mine.username
    // Another tab may have refreshed it meanwhile.
    const present = isRemembered && kept ? kept : mine
    if (isGood(present, refused)) {
      session.value = present
      return present.access
    }
    const { username } = present
    const renewed = await exchange(
      { grant_type: 'refresh_token', refresh_token: present.refresh },
      '/user/auth/refresh',
    )
    // Signed out while the answer was on its way.
    if (!session.peek()) throw new Refusal('Signed out', 401, 908, undefined)
    await keep({ username, ...renewed })
    return renewed.access
  }).catch(async error => {
    if (error instanceof Refusal && error.status === 401 && session.peek())
      await end('Your session has ended: sign in again.')
    throw error
  })
}

function isGood({ access, accessExpiresAt }: Session, refused: string | undefined): boolean {
  return access !== refused && Date.now() < accessExpiresAt - REFRESH_BEFORE_MS
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return isRemembered ? await navigator.locks.request(LOCK, work) : await work()
}

async function keep(next: Session): Promise<void> {
  if (isRemembered) await remember(next)
  session.value = next
}

async function exchange(json: unknown, path: string): Promise<Omit<Session, 'username'>> {
  const answer = await send(path, { method: 'POST', json })
  const tokens: Tokens = await answer.json()
  const accessExpiresAt = Date.now() + tokens.expires_in * 1000
  return { access: tokens.access_token, refresh: tokens.refresh_token, accessExpiresAt }
}
