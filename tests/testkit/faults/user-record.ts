import { codeAt } from '../auth/totp.ts'
import type { ServerProcess } from '../e2e/server-process.ts'

export interface TokenPair {
  access_token: string
  refresh_token: string
}

/** A request without a response: it took effect completely or not at all. */
export type PendingRequest = 'add' | 'login' | 'refresh' | 'revoke' | 'delete'

/** What the server has acknowledged about one user, to compare with its state after it was killed. */
export interface UserRecord {
  username: string
  /** The address of the user's requests. Each user has a separate one, because failures are counted by address. */
  address: string
  exists: boolean
  /** Base32, once it is known. */
  secret: string | undefined
  /** The tokens of the only session. */
  tokens: TokenPair | undefined
  /** Access tokens whose end was acknowledged since the last verification. */
  endedTokens: string[]
  /** The newest time step whose code was used. */
  lastStep: number
  /** Whether the code of that step was accepted and has not been tried again since. */
  isCodeUnverified: boolean
  pendingRequest: PendingRequest | undefined
}

let recordCount = 0

export function createUserRecord(): UserRecord {
  recordCount += 1
  return {
    username: `user-${recordCount}`,
    address: `10.${recordCount >> 16}.${(recordCount >> 8) & 0xff}.${recordCount & 0xff}`,
    exists: false,
    secret: undefined,
    tokens: undefined,
    endedTokens: [],
    lastStep: -1,
    isCodeUnverified: false,
    pendingRequest: undefined,
  }
}

export const stepAt = (time: number) => Math.floor(time / 30_000)
export const codeForStep = (secret: string, step: number) => codeAt(secret, step * 30_000)

/** Requests of one user, and the owner's requests about this user. */
export function createUserRequests(server: ServerProcess, record: UserRecord, ownerTokens: TokenPair) {
  const { username, address } = record
  const callAsOwner = (method: string, path: string, json?: unknown) =>
    server.call(method, `/user/${path}`, ownerTokens.access_token, json, address)
  return {
    add: () => callAsOwner('POST', 'add', { username, group: 'viewer' }),
    setup: () => callAsOwner('GET', `auth/setup/${username}`),
    sessions: () => callAsOwner('GET', `sessions/${username}`),
    revokeByOwner: () => callAsOwner('DELETE', `auth/revoke/${username}`),
    remove: () => callAsOwner('DELETE', `delete/${username}`),
    login: (code: string) => server.call('POST', '/user/auth', undefined, { username, code }, address),
    refresh: ({ refresh_token }: TokenPair) =>
      server.call('POST', '/user/auth/refresh', undefined, { grant_type: 'refresh_token', refresh_token }, address),
    revoke: ({ access_token }: TokenPair) =>
      server.call('DELETE', `/user/auth/revoke/${username}`, access_token, undefined, address),
    /** A request that every user may send. */
    listOwnSessions: (token: string) => server.call('GET', `/user/sessions/${username}`, token, undefined, address),
  }
}
