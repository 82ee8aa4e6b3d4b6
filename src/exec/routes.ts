import type { Server } from 'bun'
import { Elysia } from 'elysia'
import type { AuthService } from '../auth/service.ts'
import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import type { Guard } from '../http/guards.ts'
import { withoutIdleLimit } from '../http/idle.ts'
import type { Commands } from './commands.ts'
import { parseCommand, parseTerminalQuery, resultBody, ticketBody, toResultBody } from './model.ts'
import type { TerminalSocket } from './socket.ts'
import type { Terminals } from './terminals.ts'
import { TICKET_SECONDS } from './tickets.ts'

const PROTOCOL = 'cikit.exec.v1'

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
        withoutIdleLimit(server, request, async () => {
          const wanted = parseCommand(caller.fields)
          const { act } = caller
          return toResultBody(await commands.run({ act, user }, params.droplet, wanted, request.signal))
        }),
      { group: 'manager', response: { 200: resultBody } },
    )
    .post(
      '/ticket/:droplet',
      async ({ caller, params }) => {
        const sessionId = auth.sessionOf(caller.origin.token)
        if (sessionId === undefined) throw new ApiError('accessTokenUnknown')
        const ticket = await terminals.issue({ sessionId, act: caller.act, droplet: params.droplet })
        return { ticket, expires_in: TICKET_SECONDS } as const
      },
      { group: 'manager', response: { 200: ticketBody } },
    )
    .get(
      '/exec/:droplet',
      async ({ caller, params, query, request, server, set }) => {
        const wish = parseTerminalQuery(query)
        const ticket = ticketOf(request)
        refuseOtherOrigins(request, config.publicUrl)
        const { admission, user } = terminals.redeem(ticket, params.droplet)
        caller.act.user = user.username
        const before = wish.terminal === undefined ? undefined : terminals.resume(admission, user, wish.terminal)
        const terminal = before ?? (await terminals.open(admission, user, wish.size))
        const data: TerminalSocket = { terminals, terminal, resumed: before !== undefined }
        const headers = { 'sec-websocket-protocol': PROTOCOL }
        // Who went away meanwhile is one that has lost its terminal.
        upgrade(server, request, { data, headers })
        set.status = 101
        return ''
      },
      { open: true },
    )
}

function upgrade(server: Server<unknown> | null, request: Request, options: { data: TerminalSocket; headers: object }) {
  const own = server as Server<TerminalSocket> | null
  own?.upgrade(request, options as Parameters<Server<TerminalSocket>['upgrade']>[1])
}

/**
 * The ticket, which comes as a subprotocol (RFC 6455 section 4.1): a browser lets a page give nothing else along.
 * @throws ApiError 917 for a request that opens no websocket, 935 without a ticket
 */
function ticketOf(request: Request): string {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    throw new ApiError('malformed', {
      text: `Open this as a websocket of the subprotocols ${PROTOCOL} and ticket.TICKET, or POST a command`,
    })
  }
  const protocols = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map(name => name.trim())
  const ticket = protocols.find(name => name.startsWith('ticket.'))?.slice('ticket.'.length)
  if (!protocols.includes(PROTOCOL) || ticket === undefined) throw new ApiError('ticketUnknown')
  return ticket
}

/**
 * A browser opens websockets to whomever a page likes, and says which page it was (RFC 6455 section 10.2).
 * @throws ApiError 937
 */
function refuseOtherOrigins(request: Request, publicUrl: string | undefined): void {
  const origin = request.headers.get('origin')
  if (origin === null) return
  const from = URL.parse(origin)?.host
  const own = [request.headers.get('host'), publicUrl && URL.parse(publicUrl)?.host]
  if (from === undefined || !own.includes(from)) throw new ApiError('originForbidden')
}
