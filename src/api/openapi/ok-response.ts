import { okBody } from '../http/schema.ts'

/** The answer of a change that has nothing else to tell. */
export const okResponse = { description: 'Done', schema: okBody, example: { status: 'ok' } }
