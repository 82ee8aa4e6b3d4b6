import type { ApiError } from '../../../src/core/errors.ts'
import { TEST_ACTOR } from '../actor.ts'
import type { TestApi } from '../api/test-api.ts'
import { codeAt } from './totp.ts'

export const HOME = '192.0.2.1'
export const FROM_HOME = { ...TEST_ACTOR, address: HOME }
export const anonymousAddresses = Array.from({ length: 250 }, (_, number) => `198.51.100.${number}`)

type User = { username: string; secret: string }

/** @returns the error id of a login attempt (200 for success), with the seconds to wait if it was locked */
export async function attempt(api: TestApi, user: User, address: string, code: string, token?: string) {
  try {
    await api.context.auth.login({ ...TEST_ACTOR, address }, user.username, code, { agent: 'test', token })
    return { id: 200 }
  } catch (error) {
    const { errorId: id, retryAfterSeconds } = error as ApiError
    return retryAfterSeconds === undefined ? { id } : { id, retryAfterSeconds }
  }
}

export const validCode = (api: TestApi, user: User) => codeAt(user.secret, api.clock.now())

export const wrongCode = (api: TestApi, user: User) =>
  String((Number(validCode(api, user)) + 500_000) % 1_000_000).padStart(6, '0')

/** Tries wrong codes, each from a different address. @returns the error ids */
export async function guessWrongCodes(api: TestApi, user: User, count: number): Promise<number[]> {
  const ids: number[] = []
  for (const address of anonymousAddresses.slice(0, count)) {
    ids.push((await attempt(api, user, address, wrongCode(api, user))).id)
  }
  return ids
}
