import type { Server } from 'bun'
import { Elysia } from 'elysia'
import { emptyBody } from '../../api/http/fields.ts'
import type { Guard } from '../../api/http/guards.ts'
import { withoutIdleTimeout } from '../../api/http/idle-timeout.ts'
import type { AuthService } from '../../auth/service.ts'
import type { Config } from '../../config/types.ts'
import { ApiError } from '../../core/errors.ts'
import type { Commands } from './commands.ts'
import { SUBPROTOCOL, ticketFrom } from './protocol.ts'
import { commandRequest, DEFAULT_TIMEOUT_SECONDS, resultBody, terminalQuery, ticketBody } from './schema.ts'
import type { Terminals } from './terminals.ts'
import { TICKET_LIFETIME_SECONDS } from './tickets.ts'
import { toResultBody } from './to-body.ts'
import type { TerminalSocketData } from './websocket.ts'

/** Commands and terminals in droplets. */
export function createExecRoutes(
  guard: Guard,
  context: { auth: AuthService; commands: Commands; terminals: Terminals; config: Pick<Config, 'publicUrl'> },
) {
  const { auth, commands, terminals, config } = context
  return new Elysia({ name: 'exec-routes', prefix: '/droplet' })
    .use(guard)
    .post(
      '/exec/:droplet',
      ({ actor, user, params, body, server, request }) =>
        withoutIdleTimeout(server, request, async () => {
          const { command, timeout = DEFAULT_TIMEOUT_SECONDS } = body
          const options = { command, timeoutMs: timeout * 1000 }
          return toResultBody(await commands.run({ actor, user }, params.droplet, options, request.signal))
        }),
      { group: 'manager', body: commandRequest, response: { 200: resultBody } },
    )
    .post(
      '/ticket/:droplet',
      async ({ actor, client, params }) => {
        const sessionId = auth.sessionIdOf(client.token)
        if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
        const ticket = await terminals.issue({ sessionId, actor, droplet: params.droplet })
        return { ticket, expires_in: TICKET_LIFETIME_SECONDS } as const
      },
      { group: 'manager', body: emptyBody, response: { 200: ticketBody } },
    )
    .get(
      '/exec/:droplet',
      async ({ actor, params, query, request, server, set }) => {
        const { columns, rows, terminal: terminalId } = query
        const ticket = readTicket(request)
        rejectForeignOrigin(request, config.publicUrl)
        const { grant, user } = terminals.redeem(ticket, params.droplet)
        // For the audit: the ticket identifies the user.
        actor.user = user.username
        const resumedTerminal = terminalId ? terminals.resume(grant, user, terminalId) : undefined
        const size = { columns: Number(columns || 80), rows: Number(rows || 24) }
        const terminal = resumedTerminal ?? (await terminals.open(grant, user, size))
        const data: TerminalSocketData = { terminals, terminal, resumed: resumedTerminal !== undefined }
        const headers = { 'sec-websocket-protocol': SUBPROTOCOL }
        // If the client has disconnected in the meantime, the terminal waits to be resumed.
        upgrade(server, request, { data, headers })
        set.status = 101
        return ''
      },
      { open: true, query: terminalQuery },
    )
}

function upgrade(
  server: Server<unknown> | null,
  request: Request,
  options: { data: TerminalSocketData; headers: object },
) {
  const typedServer = server as Server<TerminalSocketData> | null
  typedServer?.upgrade(request, options as Parameters<Server<TerminalSocketData>['upgrade']>[1])
}

/**
 * The ticket is sent as a subprotocol (RFC 6455 section 4.1), the only header that a web page can set on a WebSocket.
 * @throws ApiError 917 for a request that does not open a WebSocket, 935 without a ticket
 */
function readTicket(request: Request): string {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    throw new ApiError('malformed', {
      text: `Open a websocket with the subprotocols ${SUBPROTOCOL} and ticket.TICKET, or POST a command`,
    })
  }
  const ticket = ticketFrom(request.headers.get('sec-websocket-protocol'))
  if (ticket === undefined) throw new ApiError('ticketUnknown')
  return ticket
}

/**
 * Browsers let any page open a WebSocket to any server and send the page's origin (RFC 6455 section 10.2).
 * @throws ApiError 937
 */
function rejectForeignOrigin(request: Request, publicUrl: string | undefined): void {
  const origin = request.headers.get('origin')
  if (origin === null) return
  const originHost = URL.parse(origin)?.host
  const allowedHosts = [request.headers.get('host'), publicUrl && URL.parse(publicUrl)?.host]
  if (originHost === undefined || !allowedHosts.includes(originHost)) throw new ApiError('originForbidden')
}
