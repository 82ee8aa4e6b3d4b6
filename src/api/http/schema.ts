import { t } from 'elysia'

/** The response to a change that returns no data. */
export const okBody = t.Object({ status: t.Literal('ok') })
