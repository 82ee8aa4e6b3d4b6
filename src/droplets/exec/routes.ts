import type { Server } from 'bun'
import { Elysia } from 'elysia'
import type { Guard } from '../../api/http/guards.ts'
import { withoutIdleTimeout } from '../../api/http/idle-timeout.ts'
import type { AuthService } from '../../auth/service.ts'
import type { Config } from '../../config/config.ts'
import { ApiError } from '../../core/errors.ts'
import type { Commands } from './commands.ts'
import { parseCommand, parseTerminalQuery, toResultBody } from './parse.ts'
import { resultBody, ticketBody } from './schema.ts'
import type { Terminals } from './terminals.ts'
import { TICKET_LIFETIME_SECONDS } from './tickets.ts'
import type { TerminalSocketData } from './websocket.ts'

const SUBPROTOCOL = 'cikit.exec.v1'

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
      ({ caller, user, params, server, request }) =>
        withoutIdleTimeout(server, request, async () => {
          const options = parseCommand(caller.fields)
          const { actor } = caller
          return toResultBody(await commands.run({ actor, user }, params.droplet, options, request.signal))
        }),
      { group: 'manager', response: { 200: resultBody } },
    )
    .post(
      '/ticket/:droplet',
      async ({ caller, params }) => {
        const sessionId = auth.sessionIdOf(caller.client.token)
        if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
        const ticket = await terminals.issue({ sessionId, actor: caller.actor, droplet: params.droplet })
        return { ticket, expires_in: TICKET_LIFETIME_SECONDS } as const
      },
      { group: 'manager', response: { 200: ticketBody } },
    )
    .get(
      '/exec/:droplet',
      async ({ caller, params, query, request, server, set }) => {
        const options = parseTerminalQuery(query)
        const ticket = readTicket(request)
        rejectForeignOrigin(request, config.publicUrl)
        const { grant, user } = terminals.redeem(ticket, params.droplet)
        caller.actor.user = user.username
        const resumedTerminal =
          options.terminalId === undefined ? undefined : terminals.resume(grant, user, options.terminalId)
        const terminal = resumedTerminal ?? (await terminals.open(grant, user, options.size))
        const data: TerminalSocketData = { terminals, terminal, resumed: resumedTerminal !== undefined }
        const headers = { 'sec-websocket-protocol': SUBPROTOCOL }
        // Who went away meanwhile is one that has lost its terminal.
        upgrade(server, request, { data, headers })
        set.status = 101
        return ''
      },
      { open: true },
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
 * The ticket, which comes as a subprotocol (RFC 6455 section 4.1): a browser lets a page give nothing else along.
 * @throws ApiError 917 for a request that opens no websocket, 935 without a ticket
 */
function readTicket(request: Request): string {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    throw new ApiError('malformed', {
      text: `Open this as a websocket of the subprotocols ${SUBPROTOCOL} and ticket.TICKET, or POST a command`,
    })
  }
  const protocols = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map(name => name.trim())
  const ticket = protocols.find(name => name.startsWith('ticket.'))?.slice('ticket.'.length)
  if (!protocols.includes(SUBPROTOCOL) || ticket === undefined) throw new ApiError('ticketUnknown')
  return ticket
}

/**
 * A browser opens websockets to whomever a page likes, and says which page it was (RFC 6455 section 10.2).
 * @throws ApiError 937
 */
function rejectForeignOrigin(request: Request, publicUrl: string | undefined): void {
  const origin = request.headers.get('origin')
  if (origin === null) return
  const originHost = URL.parse(origin)?.host
  const allowedHosts = [request.headers.get('host'), publicUrl && URL.parse(publicUrl)?.host]
  if (originHost === undefined || !allowedHosts.includes(originHost)) throw new ApiError('originForbidden')
}
