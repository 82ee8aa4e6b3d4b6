import { edenFetch, treaty } from '@elysiajs/eden'
import type { App } from '../../../src/app.ts'
import { errorCode } from '../../../src/core/error-code.ts'
import { errorMessage } from '../../../src/core/error-message.ts'
import { ClientError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import { ticketProtocols } from '../../../src/droplets/exec/protocol.ts'
import type { ClientSession } from './session-file.ts'

/** For all requests except cancellations, commands and streams. */
const REQUEST_TIMEOUT_MS = 30_000
/** A cancellation waits for the rollback. */
const CANCEL_TIMEOUT_MS = 15 * 60_000
/** Added to a command's own time limit, which the server enforces. */
const COMMAND_GRACE_MS = 30_000

type ServerAddress = Pick<ClientSession, 'url' | 'ca'>

export type ApiClient = ReturnType<typeof createApiClient>

/** The connection, or a proxy's connection to the server, was lost: the request may have been carried out. */
export class ConnectionLostError extends ClientError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('unreachable', message, options)
  }
}

/** The API, typed by `App`. */
export function createApiClient(server: ServerAddress, token?: string) {
  const fetcher = Object.assign(createFetcher(server), fetch)
  const authHeaders = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const { api } = treaty<App>(server.url, {
    fetcher,
    headers: authHeaders,
    // Otherwise Eden turns strings that look like dates into Date objects.
    parseDate: false,
  })
  const edenFetcher = edenFetch<App>(server.url, { fetcher })
  const openStream = async (path: string, expectedType: string, signal: AbortSignal, lastEventId?: string) => {
    const headers = { ...authHeaders, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) }
    return await requireResponse(
      server,
      await sendRequest(server, `${server.url}/api/v1/${path}`, { headers, signal }),
      expectedType,
    )
  }
  return {
    ...{ user: api.v1.user, droplet: api.v1.droplet, operation: api.v1.operation },
    /** Eden takes a trailing `delete` in a path for the method. */
    removeDroplet: (droplet: string, headers: Record<string, string>) =>
      edenFetcher('/api/v1/droplet/delete/:droplet', {
        method: 'DELETE',
        params: { droplet },
        headers: { ...headers, ...authHeaders },
        body: {},
      }),
    cancelOperation: (operation: string) =>
      api.v1.operation
        .cancel({ operation })
        .delete(undefined, { fetch: { signal: AbortSignal.timeout(CANCEL_TIMEOUT_MS) } }),
    runCommand: (droplet: string, body: { command: string[]; timeout: number }) => {
      const signal = AbortSignal.timeout(body.timeout * 1000 + COMMAND_GRACE_MS)
      return api.v1.droplet.exec({ droplet }).post(body, { fetch: { signal } })
    },
    /** Server-sent events, without an end. */
    openEvents: (signal: AbortSignal, lastEventId: string | undefined) =>
      openStream('event/stream', 'text/event-stream', signal, lastEventId),
    /** Stats of all droplets, as server-sent events. */
    openStats: (signal: AbortSignal) => openStream('droplet/stats', 'text/event-stream', signal),
    /** A droplet's log. */
    openLogs: (droplet: string, query: Record<string, string>, signal: AbortSignal) =>
      openStream(`droplet/logs/${encodeURIComponent(droplet)}?${new URLSearchParams(query)}`, 'text/plain', signal),
    /** A terminal in a droplet, over a websocket. */
    openTerminal: (droplet: string, ticket: string, query: Record<string, string>) => {
      const path = `/api/v1/droplet/exec/${encodeURIComponent(droplet)}?${new URLSearchParams(query)}`
      return new WebSocket(`${server.url.replace(/^http/, 'ws')}${path}`, {
        protocols: ticketProtocols(ticket),
        ...(server.ca && { tls: { ca: server.ca } }),
      })
    },
  }
}

/** A `fetch` that throws a ClientError for error responses, and for responses that are not from cikit-api. */
function createFetcher(server: ServerAddress) {
  return async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await sendRequest(server, input, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS), ...init })
    const { status, headers } = await requireResponse(server, response, 'application/json')
    // Read here, so that a connection that breaks off becomes a ConnectionLostError.
    const text = await response.text().catch(cause => {
      throw new ConnectionLostError(`The connection to ${server.url} broke off`, { cause })
    })
    return new Response(text, { status, headers })
  }
}

async function sendRequest(
  { url, ca }: ServerAddress,
  input: string | URL | Request,
  init: RequestInit,
): Promise<Response> {
  // Following a redirect would leak the token. The timeout comes from the signal.
  const options = { redirect: 'manual', timeout: false, ...(ca && { tls: { ca } }) } as const
  return await fetch(input, { ...init, ...options }).catch(cause => {
    const reason = errorMessage(cause)
    const connectionBroke =
      cause instanceof Error && (cause.name === 'TimeoutError' || errorCode(cause) === 'ECONNRESET')
    const message = `${url} cannot be reached: ${escapeText(reason)}`
    throw connectionBroke
      ? new ConnectionLostError(message, { cause })
      : new ClientError('unreachable', message, { cause })
  })
}

async function requireResponse({ url }: ServerAddress, response: Response, expectedType: string): Promise<Response> {
  const { status, headers } = response
  const actualType = headers.get('content-type') ?? ''
  if (response.ok && actualType.startsWith(expectedType)) return response
  if (!actualType.startsWith('application/json')) {
    const message = `${url} answered ${status}, but not as cikit-api: check the address`
    throw [502, 503, 504].includes(status) ? new ConnectionLostError(message) : new ClientError('refused', message)
  }
  if (status === 401) throw sessionEndedError(url)
  const { error } = (await response.json().catch(() => ({}))) as { error?: unknown }
  const retryAfter = headers.get('retry-after')
  throw new ClientError(
    'refused',
    `${escapeText(String(error))}${retryAfter ? ` (retry in ${escapeText(retryAfter)} seconds)` : ''}`,
  )
}

export function sessionEndedError(url: string): ClientError {
  return new ClientError('notLoggedIn', `Your session at ${url} has ended: run cikit-api login ${url}`)
}
