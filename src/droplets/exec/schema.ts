import { t } from 'elysia'
import { TICKET_LIFETIME_SECONDS } from './tickets.ts'

export const resultBody = t.Object({
  exit: t.Union([t.Integer(), t.Null()], {
    description: 'Its exit code; null when nobody knows, as its droplet was stopped',
  }),
  stdout: t.String({ description: 'UTF-8; what is none is replaced' }),
  stderr: t.String(),
  truncated: t.Boolean({ description: 'Whether one of the two was longer than a MiB: its beginning is here' }),
})

export const ticketBody = t.Object({
  ticket: t.String({ description: '64 hex digits, for one websocket' }),
  expires_in: t.Literal(TICKET_LIFETIME_SECONDS, { description: 'Seconds' }),
})
