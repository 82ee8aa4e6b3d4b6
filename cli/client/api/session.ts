import { createSessionClient } from '../../../src/api/client/session-client.ts'
import { ClientError } from '../../../src/core/errors.ts'
import { type ApiClient, createApiClient } from './api-client.ts'
import type { ClientSession, SessionFile } from './session-file.ts'

const REFRESH_MARGIN_MS = 60_000

/** The result of every Eden call. */
export interface EdenResult<T> {
  data: T | null
  error: { value: unknown } | null
}

/**
 * Logs in to a server.
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

/** Ends the session on the server, and removes it here even if that fails. */
export async function logOut(file: SessionFile): Promise<void> {
  try {
    await call(file, api => api.user.session({ id: 'current' }).delete())
  } finally {
    file.remove()
  }
}

/**
 * Makes an Eden request as the logged-in user, refreshing tokens as needed.
 * @throws ClientError
 */
export async function call<T>(file: SessionFile, request: (api: ApiClient) => Promise<EdenResult<T>>): Promise<T> {
  return await withApi(file, async api => unwrap(await request(api)))
}

/** Like `call`, for requests that do not go through Eden. */
export async function withApi<T>(file: SessionFile, request: (api: ApiClient) => Promise<T>): Promise<T> {
  const client = createSessionClient<ClientSession>(
    {
      current: file.read,
      reload: file.read,
      renew: session => renew(file, session),
      withLock: file.withLock,
      isUnauthorized: error => error instanceof ClientError && error.kind === 'notLoggedIn',
    },
    REFRESH_MARGIN_MS,
  )
  return await client.withSession(session => request(createApiClient(session, session.accessToken)))
}

async function renew(file: SessionFile, session: ClientSession): Promise<ClientSession> {
  const { refreshToken: refresh_token } = session
  const tokens = unwrap(
    await createApiClient(session).user.auth.refresh.post({ grant_type: 'refresh_token', refresh_token }),
  )
  const renewed = { ...session, ...toSessionTokens(tokens) }
  file.write(renewed)
  return renewed
}

function unwrap<T>({ data, error }: EdenResult<T>): T {
  if (!error) return data as T
  if (error.value instanceof ClientError) throw error.value
  throw new ClientError('refused', 'The server sent a response that this client does not understand', {
    cause: error.value,
  })
}

function toSessionTokens(tokens: { expires_in: number; access_token: string; refresh_token: string }) {
  return {
    accessToken: tokens.access_token,
    accessExpiresAt: Date.now() + tokens.expires_in * 1000,
    refreshToken: tokens.refresh_token,
  }
}
