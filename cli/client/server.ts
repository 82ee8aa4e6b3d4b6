import { edenFetch, treaty } from '@elysiajs/eden'
import type { App } from '../../src/app.ts'
import { ClientError } from '../../src/errors.ts'
import { escapeText } from '../../src/log.ts'
import type { ClientSession } from './session-file.ts'

/** What is not answered within this is not answered any more; nothing but a cancellation and a stream takes so long. */
const LIMIT_MS = 30_000
/** A cancellation waits for what is being undone. */
const CANCEL_LIMIT_MS = 15 * 60_000
/** A command in a droplet has its own limit, at the server. */
const COMMAND_GRACE_MS = 30_000

type Server = Pick<ClientSession, 'url' | 'ca'>

export type Api = ReturnType<typeof connect>

/** The connection broke, or what stands in front of the server lost it: what was asked for may have been done. */
export class ConnectionLost extends ClientError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('unreachable', message, options)
  }
}

/** The API as `type App` has it: paths, parameters and answers are checked by the compiler. */
export function connect(server: Server, token?: string) {
  const fetcher = Object.assign(fetchFrom(server), fetch)
  const own = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const { api } = treaty<App>(server.url, {
    fetcher,
    headers: own,
    // Else texts that look like dates become some.
    parseDate: false,
  })
  const plain = edenFetch<App>(server.url, { fetcher })
  const open = async (path: string, type: string, signal: AbortSignal, lastEventId?: string) => {
    const headers = { ...own, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) }
    return await accept(server, await ask(server, `${server.url}/api/v1/${path}`, { headers, signal }), type)
  }
  return {
    ...{ user: api.v1.user, droplet: api.v1.droplet, operation: api.v1.operation },
    /** For Eden, `delete` at the end of a path is a method. */
    removeDroplet: (droplet: string, headers: Record<string, string>) =>
      plain('/api/v1/droplet/delete/:droplet', {
        method: 'DELETE',
        params: { droplet },
        headers: { ...headers, ...own },
        body: {},
      }),
    cancelOperation: (operation: string) =>
      api.v1.operation
        .cancel({ operation })
        .delete(undefined, { fetch: { signal: AbortSignal.timeout(CANCEL_LIMIT_MS) } }),
    runCommand: (droplet: string, body: { command: readonly string[]; timeout: number }) => {
      const signal = AbortSignal.timeout(body.timeout * 1000 + COMMAND_GRACE_MS)
      return api.v1.droplet.exec({ droplet }).post(body, { fetch: { signal } })
    },
    /** Server-sent events; the answer's body has no end. */
    openEvents: (signal: AbortSignal, lastEventId: string | undefined) =>
      open('event/stream', 'text/event-stream', signal, lastEventId),
    /** What the droplets use, as server-sent events. */
    openStats: (signal: AbortSignal) => open('droplet/stats', 'text/event-stream', signal),
    /** What a droplet says, as it comes. */
    openLogs: (droplet: string, query: Record<string, string>, signal: AbortSignal) =>
      open(`droplet/logs/${encodeURIComponent(droplet)}?${new URLSearchParams(query)}`, 'text/plain', signal),
    /** A terminal in a droplet, as a websocket. */
    openTerminal: (droplet: string, ticket: string, query: Record<string, string>) => {
      const path = `/api/v1/droplet/exec/${encodeURIComponent(droplet)}?${new URLSearchParams(query)}`
      return new WebSocket(`${server.url.replace(/^http/, 'ws')}${path}`, {
        protocols: ['cikit.exec.v1', `ticket.${ticket}`],
        ...(server.ca && { tls: { ca: server.ca } }),
      })
    },
  }
}

/** A `fetch` that throws a ClientError, in the server's own words, for all but an answer of a cikit-api that is good. */
function fetchFrom(server: Server) {
  return async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await ask(server, input, { signal: AbortSignal.timeout(LIMIT_MS), ...init })
    const { status, headers } = await accept(server, response, 'application/json')
    // Here, where a connection that breaks in the middle is known for what it is.
    const text = await response.text().catch(cause => {
      throw new ConnectionLost(`${server.url} broke off its answer`, { cause })
    })
    return new Response(text, { status, headers })
  }
}

async function ask({ url, ca }: Server, input: string | URL | Request, init: RequestInit): Promise<Response> {
  // A redirection would take the token with it. The limit is the signal's.
  const options = { redirect: 'manual', timeout: false, ...(ca && { tls: { ca } }) } as const
  return await fetch(input, { ...init, ...options }).catch(cause => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const wasThere = cause instanceof Error && (cause.name === 'TimeoutError' || codeOf(cause) === 'ECONNRESET')
    const message = `${url} cannot be reached: ${escapeText(reason)}`
    throw wasThere ? new ConnectionLost(message, { cause }) : new ClientError('unreachable', message, { cause })
  })
}

async function accept({ url }: Server, response: Response, type: string): Promise<Response> {
  const { status, headers } = response
  const given = headers.get('content-type') ?? ''
  if (response.ok && given.startsWith(type)) return response
  if (!given.startsWith('application/json')) {
    const answered = `${url} answered ${status}, and not as a cikit-api does`
    throw [502, 503, 504].includes(status) ? new ConnectionLost(answered) : new ClientError('refused', answered)
  }
  if (status === 401) throw new ClientError('notLoggedIn', `Your session at ${url} has ended: cikit-api login ${url}`)
  const { error } = (await response.json().catch(() => ({}))) as { error?: unknown }
  const wait = headers.get('retry-after')
  throw new ClientError('refused', `${escapeText(String(error))}${wait ? ` (in ${escapeText(wait)} seconds)` : ''}`)
}

function codeOf(error: Error): unknown {
  return 'code' in error ? error.code : undefined
}
