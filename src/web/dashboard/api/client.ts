import { type RequestOptions, ResponseError, send } from './http.ts'
import { endSession, freshAccessToken } from './session.ts'

/**
 * A request of the API in the name of the person, whose session is refreshed when it must be.
 * @param path below `/api/v1`; parts that come from elsewhere go through `encodeURIComponent`
 * @throws Refusal, Unreachable
 */
export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  const accessToken = await freshAccessToken()
  try {
    return await send(path, options, accessToken)
  } catch (error) {
    if (!(error instanceof ResponseError && error.status === 401)) throw error
    // Expired, though by this computer's clock it was not: another one, and once more. A session that is over ends here.
    const renewedToken = await freshAccessToken(accessToken)
    return await send(path, options, renewedToken).catch(async retryError => {
      if (retryError instanceof ResponseError && retryError.status === 401)
        await endSession('Your session has ended: sign in again.')
      throw retryError
    })
  }
}

/** As `open`, with the answer read. */
export async function requestJson<T>(path: string, options?: RequestOptions): Promise<T> {
  return await (await request(path, options)).json()
}
