import { codeAt } from '../auth/totp.ts'
import type { ServerProcess } from '../e2e/server-process.ts'

export interface TokenPair {
  access_token: string
  refresh_token: string
}

/** What was asked of the server and not answered: it was done as a whole, or not at all. */
export type PendingRequest = 'add' | 'login' | 'refresh' | 'revoke' | 'delete'

/** One user, as far as the server acknowledged it: the record outside by which the server is judged after it was killed. */
export interface UserRecord {
  username: string
  /** Where its requests come from; failures are counted by address, and here each user has one. */
  address: string
  exists: boolean
  /** Base32, once it was asked for. */
  secret: string | undefined
  /** Of its only session. */
  tokens: TokenPair | undefined
  /** Access tokens whose end was acknowledged since the last look. */
  endedTokens: string[]
  /** The newest time step whose code was shown. */
  lastStep: number
  /** Whether the code of that step was accepted, and nobody has tried it again yet. */
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

/** The requests of one user, or about it by the owner. */
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
    /** Asks something that every user may ask, for itself. */
    listOwnSessions: (token: string) => server.call('GET', `/user/sessions/${username}`, token, undefined, address),
  }
}
