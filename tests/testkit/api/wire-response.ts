import { catalogue } from '../../../src/core/errors.ts'
import type { TestApi } from './test-api.ts'

/** An answer as it goes over the wire, but for the id that each has of its own. */
export interface WireResponse {
  status: number
  headers: Record<string, string>
  text: string
}

/** Sends a request to the API as it is. */
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
 * The id of an answer that refuses.
 * @throws Error for an answer that is no error of the catalogue in its form
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
  if (!isCatalogued) throw new Error(`no error of the catalogue: ${status} ${JSON.stringify(headers)} ${text}`)
  return Number(body.errorId)
}
