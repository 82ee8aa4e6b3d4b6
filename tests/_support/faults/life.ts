import { codeAt } from '../codes.ts'
import type { Matrix } from '../e2e/matrix.ts'

export interface Pair {
  access_token: string
  refresh_token: string
}

/** What was asked of the server and not answered: it was done as a whole, or not at all. */
export type Doubt = 'add' | 'login' | 'refresh' | 'revoke' | 'delete'

/** One user, as far as the server acknowledged it: the record outside by which the server is judged after it was killed. */
export interface Life {
  username: string
  /** Where its requests come from; failures are counted by address, and here each user has one. */
  address: string
  present: boolean
  /** Base32, once it was asked for. */
  secret: string | undefined
  /** Of its only session. */
  pair: Pair | undefined
  /** Access tokens whose end was acknowledged since the last look. */
  ended: string[]
  /** The newest time step whose code was shown. */
  usedStep: number
  /** Whether the code of that step was accepted, and nobody has tried it again yet. */
  codeUntried: boolean
  doubt: Doubt | undefined
}

let born = 0

export function newLife(): Life {
  born += 1
  return {
    username: `user-${born}`,
    address: `10.${born >> 16}.${(born >> 8) & 0xff}.${born & 0xff}`,
    present: false,
    secret: undefined,
    pair: undefined,
    ended: [],
    usedStep: -1,
    codeUntried: false,
    doubt: undefined,
  }
}

export const stepAt = (time: number) => Math.floor(time / 30_000)
export const codeOf = (secret: string, step: number) => codeAt(secret, step * 30_000)

/** The requests of one user, or about it by the owner. */
export function requestsOf(matrix: Matrix, life: Life, owner: Pair) {
  const { username, address } = life
  const byOwner = (method: string, path: string, json?: unknown) =>
    matrix.call(method, `/user/${path}`, owner.access_token, json, address)
  return {
    add: () => byOwner('POST', 'add', { username, group: 'viewer' }),
    setup: () => byOwner('GET', `auth/setup/${username}`),
    sessions: () => byOwner('GET', `sessions/${username}`),
    revokeByOwner: () => byOwner('DELETE', `auth/revoke/${username}`),
    remove: () => byOwner('DELETE', `delete/${username}`),
    login: (code: string) => matrix.call('POST', '/user/auth', undefined, { username, code }, address),
    refresh: ({ refresh_token }: Pair) =>
      matrix.call('POST', '/user/auth/refresh', undefined, { grant_type: 'refresh_token', refresh_token }, address),
    revoke: ({ access_token }: Pair) =>
      matrix.call('DELETE', `/user/auth/revoke/${username}`, access_token, undefined, address),
    /** Asks something that every user may ask, for itself. */
    show: (token: string) => matrix.call('GET', `/user/sessions/${username}`, token, undefined, address),
  }
}
