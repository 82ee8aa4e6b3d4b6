import { t } from 'elysia'

/** The answer to a change that has nothing else to tell. */
export const okBody = t.Object({ status: t.Literal('ok') })
