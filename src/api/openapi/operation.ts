import { curlCommand } from './curl.ts'
import type { Access, ResponseDescription, RouteDescription, Schema } from './description.ts'
import { errorResponse, errorsOf } from './errors.ts'
import { parametersOf } from './parameters.ts'

const accessDescriptions: Record<Access, string> = {
  open: 'Needs no token.',
  anyToken: 'Needs an access token or an active refresh token.',
  viewer: 'Needs group `viewer`, `manager` or `owner`.',
  manager: 'Needs group `manager` or `owner`.',
  owner: 'Needs group `owner`.',
}

/** An OpenAPI operation: a method of a path. */
export function toOperation(
  { tag, method, path, route }: { tag: string; method: string; path: string; route: RouteDescription },
  toSchema: (model: Schema) => Schema,
) {
  const parameters = parametersOf(path, route, toSchema)
  const errors = [...errorsOf(method, route)].map(([status, names]) => [status, errorResponse(status, names)])
  const responses = Object.entries(route.responses).map(([status, response]) => [
    status,
    toResponse(response, toSchema),
  ])
  return {
    tags: [tag],
    operationId: route.operationId ?? operationIdOf(path),
    summary: route.summary,
    description: [route.description, accessDescriptions[route.access]].filter(Boolean).join('\n\n'),
    ...(parameters.length > 0 && { parameters }),
    ...(route.request && { requestBody: toRequestBody(route.request, toSchema) }),
    responses: Object.fromEntries([...responses, ...errors]),
    security: route.access === 'open' ? [] : [{ bearer: [] }],
    'x-group': route.access,
    'x-codeSamples': [{ lang: 'Shell', label: 'curl', source: curlCommand(method, path, route) }],
  }
}

/** `/api/v1/droplet/stop/:droplet` is `dropletStop`. */
function operationIdOf(path: string): string {
  const words = path.replace('/api/v1', '').split(/[/.]/)
  const [first = '', ...rest] = words.filter(word => word !== '' && !word.startsWith(':'))
  return first + rest.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

function toRequestBody(
  { schema, example }: NonNullable<RouteDescription['request']>,
  toSchema: (schema: Schema) => Schema,
) {
  // The introduction describes `access_token`, which every body may have.
  const { access_token: _, ...properties } = schema.properties
  const content = { schema: toSchema({ ...schema, properties }), example }
  return {
    required: 'required' in schema,
    content: { 'application/json': content, 'application/x-www-form-urlencoded': content },
  }
}

function toResponse(
  { description, type, schema, example, headers = [], events }: ResponseDescription,
  toSchema: (schema: Schema) => Schema,
) {
  const names = ['X-Request-Id', ...headers]
  return {
    description,
    headers: Object.fromEntries(names.map(name => [name, { $ref: `#/components/headers/${name}` }])),
    ...(schema && { content: { [type ?? 'application/json']: { schema: toSchema(schema), example } } }),
    ...(events && {
      'x-events': Object.fromEntries(Object.entries(events).map(([name, model]) => [name, toSchema(model)])),
    }),
  }
}
