import type { Parameter, RouteDescription, Schema } from './description.ts'

/** Path parameters by name. */
export const pathParameters: Record<string, Parameter> = {
  user: { description: 'Name of the user', schema: { type: 'string' }, example: 'ann' },
  droplet: { description: 'Name of the droplet', schema: { type: 'string' }, example: 'cikit01' },
  operation: {
    description: 'ID of the operation',
    schema: { type: 'string' },
    example: '2f0c9c0e-6d0e-4a51-8f9b-9f1f9a4d5c11',
  },
  id: { description: 'ID of the session, or `current`', schema: { type: 'string' }, example: 'current' },
  key: {
    description: 'ID of the SSH key',
    schema: { type: 'string' },
    example: '0d3a1f0e-57a4-4c8e-9a75-0f6f0a2f3f11',
  },
  file: {
    description: 'File name, as the dashboard page references it',
    schema: { type: 'string' },
    example: 'app-6k362aev.js',
  },
}

/** `/droplet/stop/:droplet` in OpenAPI's notation: `/droplet/stop/{droplet}`. */
export function toTemplate(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}')
}

/** The parameters of a route: path, query, headers. */
export function parametersOf(
  path: string,
  { query, headers = {} }: Pick<RouteDescription, 'query' | 'headers'>,
  toSchema: (schema: Schema) => Schema,
) {
  const pathReferences = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    $ref: `#/components/parameters/${name}`,
  }))
  return [
    ...pathReferences,
    ...Object.entries(query?.properties ?? {}).map(([name, schema]) => toQueryParameter(name, toSchema(schema))),
    ...Object.entries(headers).map(([name, parameter]) => ({ name, in: 'header', ...parameter })),
  ]
}

export const parameterComponents = Object.fromEntries(
  Object.entries(pathParameters).map(([name, parameter]) => [name, { name, in: 'path', required: true, ...parameter }]),
)

/** `description` and `example` are keywords of the parameter, the others of its schema. */
function toQueryParameter(name: string, { description, example, ...schema }: Schema) {
  return { name, in: 'query', description, schema, ...(example !== undefined && { example }) }
}
