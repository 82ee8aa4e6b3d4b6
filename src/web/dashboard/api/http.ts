/** The server answered with an error. */
export class ResponseError extends Error {
  override readonly name = 'ResponseError'

  constructor(
    /** The server's error text. */
    message: string,
    readonly status: number,
    /** From the error catalogue; 0 if the response did not come from the API. */
    readonly errorId: number,
    /** From the `Retry-After` header. */
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(message)
  }
}

/** The server did not answer. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError'
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  json?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Relative to the page, which a proxy may serve below any path. */
export const apiUrl = (path: string): URL => new URL(`api/v1${path}`, document.baseURI)

/**
 * Makes one API request.
 * @param path below `/api/v1`
 * @throws ResponseError, NetworkError, and the abort reason of `signal`
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
