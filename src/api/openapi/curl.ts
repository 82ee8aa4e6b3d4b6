import type { RouteDescription } from './description.ts'
import { pathParameters } from './parameters.ts'

/** The curl command for a route, where $API is the base URL of the API and $TOKEN an access token. */
export function curlCommand(method: string, path: string, route: RouteDescription): string {
  const { access, request, query, responses } = route
  const examplePath = path.replace(/:(\w+)/g, (_, name: string) => String(pathParameters[name]?.example))
  const queryPairs = Object.entries(query?.properties ?? {}).flatMap(([name, { example }]) =>
    example === undefined ? [] : [`${name}=${example}`],
  )
  const relativePath = examplePath.replace(/^\/api\/v1/, '$API')
  const address = relativePath.startsWith('$API') ? relativePath : `\${API%/api/v1}${relativePath}`
  const url =
    queryPairs.length > 0
      ? `"${address}?${queryPairs.join('&')}"`
      : address.startsWith('$API')
        ? address
        : `"${address}"`
  const args = [
    `curl -s${responses[200]?.type === 'text/event-stream' ? 'N' : ''}`,
    ...(method === 'GET' || (method === 'POST' && request) ? [] : [`-X ${method}`]),
    url,
    ...(access === 'open' ? [] : ['-H "Authorization: Bearer $TOKEN"']),
    ...(request ? ["-H 'Content-Type: application/json'", `-d '${JSON.stringify(request.example)}'`] : []),
  ]
  return args.join(' ')
}
