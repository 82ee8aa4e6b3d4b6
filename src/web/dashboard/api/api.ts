import { type Call, Refusal, send } from './http.ts'
import { end, freshAccess } from './session.ts'

/**
 * A request of the API in the name of the person, whose session is refreshed when it must be.
 * @param path below `/api/v1`; parts that come from elsewhere go through `encodeURIComponent`
 * @throws Refusal, Unreachable
 */
export async function open(path: string, call: Call = {}): Promise<Response> {
  const access = await freshAccess()
  try {
    return await send(path, call, access)
  } catch (error) {
    if (!(error instanceof Refusal && error.status === 401)) throw error
    // Expired, though by this computer's clock it was not: another one, and once more. A session that is over ends here.
    const renewed = await freshAccess(access)
    return await send(path, call, renewed).catch(async again => {
      if (again instanceof Refusal && again.status === 401) await end('Your session has ended: sign in again.')
      throw again
    })
  }
}

/** As `open`, with the answer read. */
export async function ask<T>(path: string, call?: Call): Promise<T> {
  return await (await open(path, call)).json()
}
