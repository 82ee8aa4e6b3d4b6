import { catalogue } from '../../src/errors.ts'
import type { TestApi } from './api.ts'

/** An answer as it goes over the wire, but for the id that each has of its own. */
export interface Sent {
  status: number
  headers: Record<string, string>
  text: string
}

/** Sends a request to the API as it is. */
export async function send(api: TestApi, method: string, path: string, init: RequestInit = {}): Promise<Sent> {
  const response = await api.app.handle(new Request(`http://localhost/api/v1${path}`, { ...init, method }))
  const headers = new Headers(response.headers)
  headers.delete('x-request-id')
  return { status: response.status, headers: Object.fromEntries(headers), text: await response.text() }
}

/**
 * The id of an answer that refuses.
 * @throws Error for an answer that is no error of the catalogue in its form
 */
export function refusalIn({ status, headers, text }: Sent): number {
  const body: unknown = JSON.parse(text)
  const wellFormed =
    typeof body === 'object' &&
    body !== null &&
    Object.keys(body).join() === 'error,errorId' &&
    'error' in body &&
    typeof body.error === 'string' &&
    body.error !== '' &&
    'errorId' in body &&
    Object.values(catalogue).some(known => known.id === body.errorId && known.status === status) &&
    headers['content-type']?.startsWith('application/json') === true
  if (!wellFormed) throw new Error(`no error of the catalogue: ${status} ${JSON.stringify(headers)} ${text}`)
  return Number(body.errorId)
}
