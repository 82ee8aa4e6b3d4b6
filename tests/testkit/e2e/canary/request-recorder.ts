import { validateExchange } from '../../api/openapi-contract.ts'
import { isEventStream, readFirstChunk } from '../../events/event-stream-reader.ts'
import type { Canaries } from './canaries.ts'

export type RequestRecorder = ReturnType<typeof createRequestRecorder>

export interface RecordedRequest {
  /** `METHOD /path` as the app names it, with its parameters. */
  route: string
  /** The path with the parameters filled in, and a query. */
  path: string
  headers?: Record<string, string>
  body?: string
  json?: unknown
}

/** Routes that show a secret by design. */
const SECRET_ROUTES = [
  ...['GET /user/auth/setup/:user', 'POST /user/auth/enrol'],
  ...['POST /user/recovery-codes', 'POST /droplet/ticket/:droplet'],
]

/** Sends requests, registers the secrets in their responses as canaries, and keeps the rest to be searched. */
export function createRequestRecorder(url: string, canaries: Canaries) {
  /** The responses without the secrets that were issued to their clients. */
  const responses: string[] = []
  /** The statuses of each route's responses. */
  const statuses = new Map<string, Set<number>>()

  async function send({
    route,
    path,
    headers,
    body,
    json,
  }: RecordedRequest): Promise<{ status: number; body: unknown }> {
    const [method = ''] = route.split(' ')
    const requestBody = json === undefined ? body : JSON.stringify(json)
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(requestBody !== undefined && method !== 'GET' && { body: requestBody }),
    })
    const text = isEventStream(response) ? await readFirstChunk(response) : await response.text()
    const { status, headers: responseHeaders } = response
    validateExchange({
      method,
      path: `${new URL(url).pathname}${path}`,
      status,
      headers: responseHeaders,
      text,
      requestBody: json,
    })
    statuses.set(route, (statuses.get(route) ?? new Set()).add(response.status))
    const isText = response.headers.get('content-type')?.startsWith('text/')
    const responseBody: unknown = text === '' || isText ? undefined : JSON.parse(text)
    const headerText = JSON.stringify([...response.headers])
    if (!SECRET_ROUTES.includes(route) || !response.ok) {
      responses.push(`${route} ${response.status} ${headerText} ${withoutGrantedSecrets(route, text)}`)
    }
    collectSecrets(route, responseBody)
    return { status: response.status, body: responseBody }
  }

  /** Registers secrets that the server has just issued. */
  function collectSecrets(route: string, responseBody: unknown): void {
    const issued = (responseBody ?? {}) as Record<string, unknown>
    const { access_token, refresh_token, enrolment_token, secret, recovery_codes, ticket } = issued
    if (typeof access_token === 'string') canaries.addHex(`an access token from ${route}`, access_token)
    if (typeof refresh_token === 'string') canaries.addHex(`a refresh token from ${route}`, refresh_token)
    if (typeof ticket === 'string') canaries.addHex(`a ticket from ${route}`, ticket)
    if (typeof enrolment_token === 'string') canaries.addHex(`an enrolment token from ${route}`, enrolment_token)
    if (Array.isArray(recovery_codes)) for (const code of recovery_codes) canaries.addRecoveryCode(String(code))
    if (typeof secret === 'string') canaries.addBase32(`a TOTP secret from ${route}`, secret)
  }

  return { send, statuses, responses }
}

/** Removes issued tokens and links, and the one echo that the contract allows: the name of an unknown droplet. */
function withoutGrantedSecrets(route: string, text: string): string {
  if (route.includes('/droplet/')) return text.replace(/(?<=^{"error":"[^"]*No such container: )[\w.-]{1,64}(?=",)/, '')
  if (!/^POST \/user\/(auth|enrol)\//.test(route)) return text
  return text.replace(/"(access|refresh|enrolment)_token":"[0-9a-f]{64}"|"url":"\/enrol#[0-9a-f]{64}"/g, '')
}
