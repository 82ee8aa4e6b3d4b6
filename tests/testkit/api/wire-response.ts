import { catalogue } from '../../../src/core/errors.ts'
import type { TestApi } from './test-api.ts'

/** A response as sent over the wire, without its unique request id. */
interface WireResponse {
  status: number
  headers: Record<string, string>
  text: string
}

/** Sends a request without any defaults. */
export async function sendRequest(
  api: TestApi,
  method: string,
  path: string,
  init: RequestInit = {},
): Promise<WireResponse> {
  const response = await api.app.handle(new Request(`http://localhost/api/v1${path}`, { ...init, method }))
  const headers = new Headers(response.headers)
  headers.delete('x-request-id')
  return { status: response.status, headers: Object.fromEntries(headers), text: await response.text() }
}

/**
 * The error id of a response.
 * @throws Error if the response is not a well-formed error of the catalogue
 */
export function errorIdIn({ status, headers, text }: WireResponse): number {
  const body: unknown = JSON.parse(text)
  const isCatalogued =
    typeof body === 'object' &&
    body !== null &&
    Object.keys(body).join() === 'error,errorId' &&
    'error' in body &&
    typeof body.error === 'string' &&
    body.error !== '' &&
    'errorId' in body &&
    Object.values(catalogue).some(entry => entry.id === body.errorId && entry.status === status) &&
    headers['content-type']?.startsWith('application/json') === true
  if (!isCatalogued) throw new Error(`not an error of the catalogue: ${status} ${JSON.stringify(headers)} ${text}`)
  return Number(body.errorId)
}
