import { edenFetch, treaty } from '@elysiajs/eden'
import type { App } from '../../src/app.ts'
import { ClientError } from '../../src/errors.ts'
import { escapeText } from '../../src/log.ts'
import type { ClientSession, SessionFile } from './session-file.ts'

/** An access token is exchanged when it is good for less than this. */
const REFRESH_BEFORE_MS = 60_000

type Api = ReturnType<typeof connect>

/** What Eden gives for every call. */
interface Answer<T> {
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
  const session = file.read()
  const isFresh = session.accessExpiresAt - Date.now() > REFRESH_BEFORE_MS
  try {
    const present = isFresh ? session : await refresh(file, session)
    return accept(await ask(connect(present, present.accessToken)))
  } catch (error) {
    // Refused before anything was done: asking again does nothing twice.
    if (!(isFresh && error instanceof ClientError && error.kind === 'notLoggedIn')) throw error
    const renewed = await refresh(file, session)
    return accept(await ask(connect(renewed, renewed.accessToken)))
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

/** The API as `type App` has it: paths, parameters and answers are checked by the compiler. */
function connect(server: Pick<ClientSession, 'url' | 'ca'>, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const fetcher = Object.assign(fetchFrom(server), fetch)
  const { api } = treaty<App>(server.url, {
    fetcher,
    headers,
    // Else texts that look like dates become some.
    parseDate: false,
  })
  const plain = edenFetch<App>(server.url, { fetcher })
  return {
    ...{ user: api.v1.user, droplet: api.v1.droplet },
    /** For Eden, `delete` at the end of a path is a method. */
    removeDroplet: (droplet: string) =>
      plain('/api/v1/droplet/delete/:droplet', {
        method: 'DELETE',
        params: { droplet },
        headers,
        body: {},
      }),
  }
}

/** A `fetch` that throws a ClientError, in the server's own words, for all but an answer of a cikit-api that is good. */
function fetchFrom({ url, ca }: Pick<ClientSession, 'url' | 'ca'>) {
  // A redirection would take the token with it. A change may take as long as it takes.
  const options = { redirect: 'manual', timeout: false, ...(ca && { tls: { ca } }) } as const
  return async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, { ...init, ...options }).catch(cause => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new ClientError('unreachable', `${url} cannot be reached: ${reason}`, { cause })
    })
    if (!response.headers.get('content-type')?.startsWith('application/json')) {
      throw new ClientError('refused', `${url} answered ${response.status}, and not as a cikit-api does`)
    }
    if (response.ok) return response
    if (response.status === 401) {
      throw new ClientError('notLoggedIn', `Your session at ${url} has ended: cikit-api login ${url}`)
    }
    const { error } = (await response.json()) as { error?: unknown }
    const wait = response.headers.get('retry-after')
    throw new ClientError('refused', `${escapeText(String(error))}${wait ? ` (in ${wait} seconds)` : ''}`)
  }
}

function accept<T>({ data, error }: Answer<T>): T {
  if (error) throw error.value instanceof Error ? error.value : new ClientError('refused', String(error.value))
  return data as T
}

function keptOf(tokens: { expires_in: number; access_token: string; refresh_token: string }) {
  return {
    accessToken: tokens.access_token,
    accessExpiresAt: Date.now() + tokens.expires_in * 1000,
    refreshToken: tokens.refresh_token,
  }
}
