import { okBody } from '../http/schema.ts'

/** The response to a change that returns no data. */
export const okResponse = { description: 'Done', schema: okBody, example: { status: 'ok' } }
