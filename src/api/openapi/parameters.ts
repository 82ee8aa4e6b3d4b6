import type { Parameter, RouteDescription } from './description.ts'

/** What stands in the path of a route, by its name there. */
export const pathParameters: Record<string, Parameter> = {
  user: { description: 'Name of the user', schema: { type: 'string' }, example: 'ann' },
  droplet: { description: 'Name of the droplet', schema: { type: 'string' }, example: 'cikit01' },
  operation: {
    description: 'Id of the operation',
    schema: { type: 'string' },
    example: '2f0c9c0e-6d0e-4a51-8f9b-9f1f9a4d5c11',
  },
  id: { description: 'Id of the session, or `current`', schema: { type: 'string' }, example: 'current' },
  key: {
    description: 'Id of the SSH key',
    schema: { type: 'string' },
    example: '0d3a1f0e-57a4-4c8e-9a75-0f6f0a2f3f11',
  },
  file: {
    description: 'As the page of the dashboard names it',
    schema: { type: 'string' },
    example: 'app-6k362aev.js',
  },
}

/** `/droplet/stop/:droplet` as OpenAPI writes it: `/droplet/stop/{droplet}`. */
export function toTemplate(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}')
}

/** The parameters of a route, of its path first. */
export function parametersOf(path: string, { query = {}, headers = {} }: RouteDescription) {
  const pathReferences = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    $ref: `#/components/parameters/${name}`,
  }))
  return [
    ...pathReferences,
    ...Object.entries(query).map(toParameter('query')),
    ...Object.entries(headers).map(toParameter('header')),
  ]
}

export const parameterComponents = Object.fromEntries(
  Object.entries(pathParameters).map(([name, parameter]) => [name, { name, in: 'path', required: true, ...parameter }]),
)

function toParameter(location: 'query' | 'header') {
  return ([name, parameter]: [string, Parameter]) => ({ name, in: location, ...parameter })
}
