import { t } from 'elysia'
import { checkedField, integerField, integerParameter, requestBody, requestQuery } from '../../api/http/fields.ts'
import { MAX_TERMINAL_SIDE } from './protocol.ts'
import { TICKET_LIFETIME_SECONDS } from './tickets.ts'

export const resultBody = t.Object({
  exit: t.Union([t.Integer(), t.Null()], {
    description: 'Exit code; null if it is unknown because the droplet stopped',
  }),
  stdout: t.String({ description: 'UTF-8; invalid bytes are replaced' }),
  stderr: t.String(),
  truncated: t.Boolean({ description: 'Whether `stdout` or `stderr` was cut off after 1 MiB' }),
})

export const ticketBody = t.Object({
  ticket: t.String({ description: '64 hex digits, valid for one WebSocket' }),
  expires_in: t.Literal(TICKET_LIFETIME_SECONDS, { description: 'Seconds' }),
})

const MAX_ARGUMENTS = 256
export const DEFAULT_TIMEOUT_SECONDS = 60
const MAX_TIMEOUT_SECONDS = 600

const COMMAND_TEXT =
  'The "command" must be a list of strings, the program first: ["ls","-l"]; for a shell ["sh","-c","…"]'
const TIMEOUT_TEXT = `The "timeout" must be a whole number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}`

function isCommand(value: unknown): value is string[] {
  const isArgument = (argument: unknown) => typeof argument === 'string' && !argument.includes('\0')
  return Array.isArray(value) && value.length <= MAX_ARGUMENTS && value.every(isArgument) && Boolean(value[0])
}

export const commandRequest = requestBody({
  command: checkedField<string[]>(isCommand, {
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    maxItems: MAX_ARGUMENTS,
    description: 'The program and its arguments',
    errors: { invalid: ['malformed', COMMAND_TEXT] },
  }),
  timeout: t.Optional(
    integerField(
      { minimum: 1, maximum: MAX_TIMEOUT_SECONDS },
      {
        defaultValue: DEFAULT_TIMEOUT_SECONDS,
        description: 'Seconds after which the command is killed',
        errors: { invalid: ['malformed', TIMEOUT_TEXT] },
      },
    ),
  ),
})

const terminalSide = (description: string, defaultValue: number) =>
  t.Optional(integerParameter({ minimum: 1, maximum: MAX_TERMINAL_SIDE }, { description, defaultValue }))

export const terminalQuery = requestQuery({
  columns: terminalSide('Width of the terminal', 80),
  rows: terminalSide('Height of the terminal', 24),
  terminal: t.Optional(t.String({ description: 'ID of the terminal to resume' })),
})
