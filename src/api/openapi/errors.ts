import { catalogue, type ErrorName } from '../../core/errors.ts'
import type { RouteDescription } from './description.ts'

/** The body of every error. */
export const errorBody = {
  type: 'object',
  required: ['error', 'errorId'],
  properties: {
    error: { type: 'string', description: 'Human-readable; may be more specific than the text of the catalogue' },
    errorId: { type: 'integer', description: 'Machine-readable; an ID never changes its meaning' },
  },
}

/** One example per error of the catalogue. */
export const errorExamples = Object.fromEntries(
  (Object.keys(catalogue) as ErrorName[]).map(name => {
    const { id, text } = catalogue[name]
    return [name, { summary: String(id), value: { error: text, errorId: id } }]
  }),
)

/** The errors of a route by status: those it declares and those that all routes of its kind have in common. */
export function errorsOf(method: string, { access, errors = [] }: RouteDescription): Map<number, ErrorName[]> {
  const names = new Set<ErrorName>(['malformed', 'hostUnknown', 'internal', ...errors])
  if (access !== 'open') names.add('accessTokenUnknown').add('accessTokenExpired')
  if (access === 'anyToken') names.add('refreshTokenUnknown')
  if (access === 'manager' || access === 'owner') names.add('groupForbidden')
  if (method !== 'GET') names.add('bodyTooLarge').add('storeUnavailable')
  const sorted = [...names].toSorted((left, right) => catalogue[left].id - catalogue[right].id)
  return Map.groupBy(sorted, name => catalogue[name].status)
}

/** The response for an error status, with an example for each of its errors. */
export function errorResponse(status: number, names: readonly ErrorName[]) {
  const ids = names.map(name => catalogue[name].id)
  return {
    description: names.map(name => `${catalogue[name].text} (${catalogue[name].id})`).join(' · '),
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' },
      ...(status === 401 && { 'WWW-Authenticate': { $ref: '#/components/headers/WWW-Authenticate' } }),
      ...(status === 429 && { 'Retry-After': { $ref: '#/components/headers/Retry-After' } }),
    },
    content: {
      'application/json': {
        schema: { allOf: [{ $ref: '#/components/schemas/Error' }, { properties: { errorId: { enum: ids } } }] },
        examples: Object.fromEntries(names.map(name => [name, { $ref: `#/components/examples/${name}` }])),
      },
    },
  }
}
