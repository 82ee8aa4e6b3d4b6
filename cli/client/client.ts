import { ClientError } from '../../src/errors.ts'
import { type Api, connect } from './server.ts'
import type { ClientSession, SessionFile } from './session-file.ts'

/** An access token is exchanged when it is good for less than this. */
const REFRESH_BEFORE_MS = 60_000

/** What Eden gives for every call. */
export interface Answer<T> {
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
  const tokens = accept(await connect(server).user.auth.post({ username, code }))
  return { ...server, username, ...keptOf(tokens) }
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
export async function call<T>(file: SessionFile, ask: (api: Api) => Promise<Answer<T>>): Promise<T> {
  return await withApi(file, async api => accept(await ask(api)))
}

/** As `call`, for what is not asked through Eden. */
export async function withApi<T>(file: SessionFile, ask: (api: Api) => Promise<T>): Promise<T> {
  const session = file.read()
  const isFresh = session.accessExpiresAt - Date.now() > REFRESH_BEFORE_MS
  const present = isFresh ? session : await refresh(file, session)
  try {
    return await ask(connect(present, present.accessToken))
  } catch (error) {
    // Refused before anything was done: asking again does nothing twice.
    if (!(isFresh && error instanceof ClientError && error.kind === 'notLoggedIn')) throw error
    const renewed = await refresh(file, session)
    return await ask(connect(renewed, renewed.accessToken))
  }
}

/** @param stale the session that is no good any more; when another command has refreshed it meanwhile, that counts */
async function refresh(file: SessionFile, stale: ClientSession): Promise<ClientSession> {
  return await file.locked(async () => {
    const session = file.read()
    if (session.accessToken !== stale.accessToken) return session
    const { refreshToken: refresh_token } = session
    const tokens = accept(await connect(session).user.auth.refresh.post({ grant_type: 'refresh_token', refresh_token }))
    const renewed = { ...session, ...keptOf(tokens) }
    file.write(renewed)
    return renewed
  })
}

function accept<T>({ data, error }: Answer<T>): T {
  if (!error) return data as T
  if (error.value instanceof ClientError) throw error.value
  throw new ClientError('refused', 'The server answered what cannot be understood', { cause: error.value })
}

function keptOf(tokens: { expires_in: number; access_token: string; refresh_token: string }) {
  return {
    accessToken: tokens.access_token,
    accessExpiresAt: Date.now() + tokens.expires_in * 1000,
    refreshToken: tokens.refresh_token,
  }
}
