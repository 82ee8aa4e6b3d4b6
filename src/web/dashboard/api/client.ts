import { type RequestOptions, send } from './http.ts'
import { endSession, isUnauthorized, session, sessionClient } from './session.ts'

/**
 * Makes an API request as the signed-in user, refreshing tokens as needed. A session that the server rejects ends here.
 * @param path below `/api/v1`; pass variable parts through `encodeURIComponent`
 * @throws ResponseError, NetworkError
 */
export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  try {
    return await sessionClient.withSession(({ accessToken }) => send(path, options, accessToken))
  } catch (error) {
    if (isUnauthorized(error) && session.peek()) await endSession('Your session has ended: sign in again.')
    throw error
  }
}

/** Like `request`, with the response body parsed. */
export async function requestJson<T>(path: string, options?: RequestOptions): Promise<T> {
  return await (await request(path, options)).json()
}
