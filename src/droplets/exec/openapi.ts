import type { RouteDescriptions } from '../../api/openapi/description.ts'
import { commandRequest, resultBody, terminalQuery, ticketBody } from './schema.ts'

export const execModels = { CommandResult: resultBody, Ticket: ticketBody }

/** What the document says of commands and terminals in droplets. */
export const execRoutes: RouteDescriptions = {
  'POST /api/v1/droplet/exec/:droplet': {
    operationId: 'dropletExecRun',
    summary: 'Run a command in a droplet',
    description:
      'As root, without a shell and without standard input; for a shell say `["sh","-c","…"]`. Whatever it comes to, the answer is 200 and has its exit code: 126 and 127 are a program that cannot be started. When the client goes away, the command is ended.',
    access: 'manager',
    request: {
      schema: commandRequest,
      example: { command: ['systemctl', 'is-system-running'], timeout: 10 },
    },
    responses: {
      200: {
        description: 'What it came to',
        schema: resultBody,
        example: { exit: 0, stdout: 'running\n', stderr: '', truncated: false },
      },
    },
    errors: ['engineRefused', 'engineUnavailable', 'commandTimeout', 'tooManyCommands'],
  },
  'POST /api/v1/droplet/ticket/:droplet': {
    summary: 'Take a ticket for a terminal',
    description: 'It opens one websocket, within half a minute.',
    access: 'manager',
    responses: { 200: { description: 'The ticket', schema: ticketBody, example: { ticket: '5f0c…', expires_in: 30 } } },
    errors: ['engineRefused', 'engineUnavailable'],
  },
  'GET /api/v1/droplet/exec/:droplet': {
    operationId: 'dropletExec',
    summary: 'Open a terminal in a droplet',
    description: [
      'A websocket with the subprotocols `cikit.exec.v1` and `ticket.TICKET`; no token is needed. A page may open it from this server’s own address (its `Host`, or `--public-url`).',
      'Binary messages are bytes, both ways. Text is JSON: `{"opened":{"terminal":ID,"resumed":false}}` comes first, `{"exit":CODE}` last; `{"resize":{"columns":80,"rows":24}}` is said by the client. A client that closes with 1000 ends the shell; one that lost the connection has a minute to come back, with a new ticket and `terminal=ID`: `resumed` is true then, and what was printed last, up to 256 KiB, is sent again.',
      'It is closed with 1000 when the program has ended, 4401 when the session or the right is over, 4408 when nobody reads, 4409 when it was opened elsewhere.',
    ].join('\n\n'),
    access: 'open',
    query: terminalQuery,
    responses: { 101: { description: 'It is a websocket from here on' } },
    errors: [
      'malformed',
      'ticketUnknown',
      'originForbidden',
      'engineRefused',
      'engineUnavailable',
      'tooManyCommands',
      'storeUnavailable',
    ],
  },
}
