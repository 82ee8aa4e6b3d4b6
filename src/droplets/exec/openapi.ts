import type { RouteDescriptions } from '../../api/openapi/description.ts'
import { commandRequest, resultBody, terminalQuery, ticketBody } from './schema.ts'

export const execModels = { CommandResult: resultBody, Ticket: ticketBody }

export const execRoutes: RouteDescriptions = {
  'POST /api/v1/droplet/exec/:droplet': {
    operationId: 'dropletExecRun',
    summary: 'Run a command in a droplet',
    description:
      'As root, without a shell and without standard input; for a shell use `["sh","-c","…"]`. The response is 200 with the exit code, also for failed commands; 126 and 127 mean that the program cannot be started. The command is killed if the client disconnects.',
    access: 'manager',
    request: {
      schema: commandRequest,
      example: { command: ['systemctl', 'is-system-running'], timeout: 10 },
    },
    responses: {
      200: {
        description: 'Exit code and output',
        schema: resultBody,
        example: { exit: 0, stdout: 'running\n', stderr: '', truncated: false },
      },
    },
    errors: ['engineRefused', 'engineUnavailable', 'commandTimeout', 'tooManyCommands'],
  },
  'POST /api/v1/droplet/ticket/:droplet': {
    summary: 'Create a ticket for a terminal',
    description: 'Valid for one WebSocket within 30 seconds.',
    access: 'manager',
    responses: { 200: { description: 'The ticket', schema: ticketBody, example: { ticket: '5f0c…', expires_in: 30 } } },
    errors: ['engineRefused', 'engineUnavailable'],
  },
  'GET /api/v1/droplet/exec/:droplet': {
    operationId: 'dropletExec',
    summary: 'Open a terminal in a droplet',
    description: [
      'A WebSocket with the subprotocols `cikit.exec.v1` and `ticket.TICKET`; it needs no token. Web pages may open it only from this server’s own address (its `Host` or `--public-url`).',
      'Binary messages are input and output. Text messages are JSON: the server sends `{"opened":{"terminal":ID,"resumed":false}}` first and `{"exit":CODE}` last; the client sends `{"resize":{"columns":80,"rows":24}}`. Closing with 1000 ends the shell. After a lost connection the client can resume within a minute, with a new ticket and `terminal=ID`: then `resumed` is true and the last output, up to 256 KiB, is sent again.',
      'The server closes with 1000 when the program has ended, 4401 when the session has ended or lost its permission, 4408 when the client does not read, 4409 when the terminal was resumed elsewhere.',
    ].join('\n\n'),
    access: 'open',
    query: terminalQuery,
    responses: { 101: { description: 'The connection is now a WebSocket' } },
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
