import type { RouteDescription } from './description.ts'
import { pathParameters } from './parameters.ts'

/** The line that asks this route, where $API is the address of the API and $TOKEN an access token. */
export function curlLine(method: string, path: string, route: RouteDescription): string {
  const { caller, request, query = {}, answers } = route
  const filled = path.replace(/:(\w+)/g, (_, name: string) => String(pathParameters[name]?.example))
  const asked = Object.entries(query).flatMap(([name, { example }]) =>
    example === undefined ? [] : [`${name}=${example}`],
  )
  const local = filled.replace(/^\/api\/v1/, '$API')
  const address = local.startsWith('$API') ? local : `\${API%/api/v1}${local}`
  const url =
    asked.length > 0 ? `"${address}?${asked.join('&')}"` : address.startsWith('$API') ? address : `"${address}"`
  const words = [
    `curl -s${answers[200]?.type === 'text/event-stream' ? 'N' : ''}`,
    ...(method === 'GET' || (method === 'POST' && request) ? [] : [`-X ${method}`]),
    url,
    ...(caller === 'open' ? [] : ['-H "Authorization: Bearer $TOKEN"']),
    ...(request ? ["-H 'Content-Type: application/json'", `-d '${JSON.stringify(request.example)}'`] : []),
  ]
  return words.join(' ')
}
