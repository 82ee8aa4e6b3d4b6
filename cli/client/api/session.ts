import { ClientError } from '../../../src/core/errors.ts'
import { type ApiClient, createApiClient } from './api-client.ts'
import type { ClientSession, SessionFile } from './session-file.ts'

/** An access token is exchanged when it is good for less than this. */
const REFRESH_MARGIN_MS = 60_000

/** What Eden gives for every call. */
export interface EdenResult<T> {
  data: T | null
  error: { value: unknown } | null
}

/**
 * A session at a server elsewhere.
 * @param code six digits
 * @throws ClientError
 */
export async function logIn(
  server: Pick<ClientSession, 'url' | 'ca'>,
  username: string,
  code: string,
): Promise<ClientSession> {
  const tokens = unwrap(await createApiClient(server).user.auth.post({ username, code }))
  return { ...server, username, ...toSessionTokens(tokens) }
}

/** Ends the session at the server, and forgets it here in any case. */
export async function logOut(file: SessionFile): Promise<void> {
  try {
    await call(file, api => api.user.session({ id: 'current' }).delete())
  } finally {
    file.remove()
  }
}

/**
 * Asks the server as who is logged in; tokens are refreshed when it is time.
 * @throws ClientError
 */
export async function call<T>(file: SessionFile, request: (api: ApiClient) => Promise<EdenResult<T>>): Promise<T> {
  return await withApi(file, async api => unwrap(await request(api)))
}

/** As `call`, for what is not asked through Eden. */
export async function withApi<T>(file: SessionFile, request: (api: ApiClient) => Promise<T>): Promise<T> {
  const session = file.read()
  const isFresh = session.accessExpiresAt - Date.now() > REFRESH_MARGIN_MS
  const current = isFresh ? session : await refresh(file, session)
  try {
    return await request(createApiClient(current, current.accessToken))
  } catch (error) {
    // Refused before anything was done: asking again does nothing twice.
    if (!(isFresh && error instanceof ClientError && error.kind === 'notLoggedIn')) throw error
    const renewed = await refresh(file, session)
    return await request(createApiClient(renewed, renewed.accessToken))
  }
}

/** @param stale the session that is no good any more; when another command has refreshed it meanwhile, that counts */
async function refresh(file: SessionFile, stale: ClientSession): Promise<ClientSession> {
  return await file.withLock(async () => {
    const session = file.read()
    if (session.accessToken !== stale.accessToken) return session
    const { refreshToken: refresh_token } = session
    const tokens = unwrap(
      await createApiClient(session).user.auth.refresh.post({ grant_type: 'refresh_token', refresh_token }),
    )
    const renewed = { ...session, ...toSessionTokens(tokens) }
    file.write(renewed)
    return renewed
  })
}

function unwrap<T>({ data, error }: EdenResult<T>): T {
  if (!error) return data as T
  if (error.value instanceof ClientError) throw error.value
  throw new ClientError('refused', 'The server answered what cannot be understood', { cause: error.value })
}

function toSessionTokens(tokens: { expires_in: number; access_token: string; refresh_token: string }) {
  return {
    accessToken: tokens.access_token,
    accessExpiresAt: Date.now() + tokens.expires_in * 1000,
    refreshToken: tokens.refresh_token,
  }
}
