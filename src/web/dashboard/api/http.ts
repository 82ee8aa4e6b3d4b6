/** What the server answered and refused. */
export class ResponseError extends Error {
  override readonly name = 'ResponseError'

  constructor(
    /** The server's own words. */
    message: string,
    readonly status: number,
    /** Of the catalogue of errors; 0 where the answer was none of the API's. */
    readonly errorId: number,
    /** When to try again, where the server said so. */
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(message)
  }
}

/** No answer came at all. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError'
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  json?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Below the page itself, wherever a proxy put that. */
export const apiUrl = (path: string): URL => new URL(`api/v1${path}`, document.baseURI)

/**
 * One request of the API.
 * @param path below `/api/v1`
 * @throws Refusal, Unreachable, and what `signal` was aborted with
 */
export async function send(path: string, options: RequestOptions, accessToken?: string): Promise<Response> {
  const { method = 'GET', json, headers, signal } = options
  const response = await fetch(apiUrl(path), {
    method,
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    headers: {
      ...headers,
      ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    ...(signal && { signal }),
  }).catch(error => {
    signal?.throwIfAborted()
    throw new NetworkError('The server cannot be reached', { cause: error })
  })
  if (!response.ok) throw await toResponseError(response)
  return response
}

async function toResponseError(response: Response): Promise<ResponseError> {
  const body: { error?: unknown; errorId?: unknown } = await response.json().catch(() => ({}))
  const text = typeof body.error === 'string' ? body.error : `The server answered with status ${response.status}`
  const id = typeof body.errorId === 'number' ? body.errorId : 0
  return new ResponseError(text, response.status, id, Number(response.headers.get('retry-after')) || undefined)
}
