import type { EngineAddress } from '../../config/types.ts'
import { ApiError } from '../../core/errors.ts'
import type { EngineCall } from '../../droplets/engine.ts'
import { hijack, type UpgradedConnection } from './hijack.ts'

/** An error response of the engine: its status and the `message` of its body. */
export class DockerApiError extends Error {
  override readonly name = 'DockerApiError'

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

export interface DockerRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path after the version, with a leading slash. Built only from the engine's ids and constants: `fetch` resolves `..`. */
  path: string
  query?: Record<string, string>
  json?: unknown
  tar?: Uint8Array
  /** Until the response is complete. */
  timeoutMs: number
}

export type DockerClient = ReturnType<typeof createDockerClient>

/** The newest Engine API that this client supports. Older engines are used with their own version. */
const MAX_API_VERSION = '1.51'
/** Far above any expected response. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024
/** Events have some hundred bytes. The limit also bounds rescanning, since each chunk is appended to the pending line. */
const MAX_LINE_LENGTH = 1024 * 1024
const VERSION_TIMEOUT_MS = 2_000

/**
 * The Docker Engine API over a unix socket or TCP. Any failure to get a valid response is `ApiError` 918; an error
 * response is a `DockerApiError`.
 * @param onCall called after every request
 */
export function createDockerClient(address: EngineAddress, onCall?: (call: EngineCall) => void) {
  const origin = address.kind === 'unix' ? 'http://localhost' : address.origin
  const transport = address.kind === 'unix' ? { unix: address.path } : {}
  let apiVersion: Promise<string> | undefined

  return {
    /** @returns the parsed body; undefined for an empty one, as with 204 and 304 */
    async request(request: DockerRequest): Promise<unknown> {
      const signal = AbortSignal.timeout(request.timeoutMs)
      return await withVersion(request, async () => {
        const response = await send(request, signal)
        return parseBody(response.status, await readBody(response))
      })
    },

    /**
     * A request for an endless stream of JSON lines (events). Resolves when the stream starts.
     * @param request `timeoutMs` limits the time until then
     * @param signal ends the stream with an error
     */
    async stream(request: DockerRequest, signal: AbortSignal): Promise<AsyncGenerator<unknown>> {
      return jsonLines(await requestStreamWithTimeout(request, signal), () => undefined)
    },

    /**
     * A request for an endless stream of bytes (logs). Resolves when the stream starts.
     * @param request `timeoutMs` limits the time until then
     * @param signal ends the stream with an error
     */
    async bytes(request: DockerRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
      return (await requestStreamWithTimeout(request, signal)).body ?? new ReadableStream()
    },

    /**
     * A request that upgrades the connection to a two-way byte stream (exec).
     * @param request `timeoutMs` limits the time until then
     */
    async hijack(request: DockerRequest): Promise<UpgradedConnection> {
      return await withVersion(request, async () => {
        const path = `/v${await negotiatedVersion()}${request.path}`
        const response = await hijack(address, path, request.json, request.timeoutMs)
        if ('output' in response) return response
        parseBody(response.status, response.text)
        throw new Error(`The engine answered ${response.status} instead of upgrading the connection`)
      })
    },

    /**
     * Collects output until it ends or reaches a limit.
     * @param request `timeoutMs` limits the time until the response starts
     * @param onChunk called with each chunk
     */
    async collectOutput(
      request: DockerRequest,
      limits: { ms: number; bytes: number },
      onChunk: () => void,
    ): Promise<{ bytes: Uint8Array; isComplete: boolean }> {
      const controller = new AbortController()
      const response = await requestStreamWithTimeout(request, controller.signal)
      const timer = setTimeout(() => controller.abort(), limits.ms)
      const chunks: Uint8Array[] = []
      let size = 0
      try {
        for await (const chunk of response.body ?? []) {
          onChunk()
          chunks.push(chunk)
          size += chunk.byteLength
          if (size > limits.bytes) break
        }
      } catch (error) {
        if (!controller.signal.aborted) throw new ApiError('engineUnavailable', { cause: error })
      } finally {
        clearTimeout(timer)
      }
      const isComplete = !controller.signal.aborted && size <= limits.bytes
      controller.abort()
      return { bytes: Buffer.concat(chunks).subarray(0, limits.bytes), isComplete }
    },

    /**
     * A request for a finite stream of JSON lines (pull, build).
     * @param request `timeoutMs` limits the time without data
     * @param signal ends the stream with an error
     */
    async *lines(request: DockerRequest, signal?: AbortSignal): AsyncGenerator<unknown> {
      const idleTimeout = createIdleTimeout(request.timeoutMs)
      const combinedSignal = signal ? AbortSignal.any([signal, idleTimeout.signal]) : idleTimeout.signal
      try {
        const response = await withVersion(request, () => requestStream(request, combinedSignal))
        yield* jsonLines(response, idleTimeout.reset)
      } finally {
        idleTimeout.clear()
      }
    },
  }

  async function send(request: DockerRequest, signal: AbortSignal): Promise<Response> {
    const query = request.query ? `?${new URLSearchParams(request.query)}` : ''
    return await fetch(`${origin}/v${await negotiatedVersion()}${request.path}${query}`, {
      ...transport,
      method: request.method,
      redirect: 'manual',
      signal,
      // Disables Bun's own timeout; ours applies.
      timeout: false,
      ...bodyOf(request),
    })
  }

  /** @returns a successful response, whose body may still be arriving */
  async function requestStream(request: DockerRequest, signal: AbortSignal): Promise<Response> {
    const response = await send(request, signal)
    if (response.status >= 300) parseBody(response.status, await readBody(response))
    return response
  }

  /** Like `requestStream`, with `timeoutMs` as the limit until the response starts. */
  async function requestStreamWithTimeout(request: DockerRequest, signal: AbortSignal): Promise<Response> {
    const startTimeout = new AbortController()
    const onTimeout = () => startTimeout.abort(new Error(`silent for ${request.timeoutMs} ms`))
    const timer = setTimeout(onTimeout, request.timeoutMs)
    try {
      return await withVersion(request, () => requestStream(request, AbortSignal.any([signal, startTimeout.signal])))
    } finally {
      clearTimeout(timer)
    }
  }

  function negotiatedVersion(): Promise<string> {
    apiVersion ??= fetchVersion()
    return apiVersion
  }

  async function fetchVersion(): Promise<string> {
    const signal = AbortSignal.timeout(VERSION_TIMEOUT_MS)
    const response = await fetch(`${origin}/version`, { ...transport, redirect: 'manual', signal })
    try {
      return chooseApiVersion(parseBody(response.status, await readBody(response)))
    } catch (error) {
      // An error here does not concern the request itself. Nothing is cached, so the next request asks again.
      throw error instanceof DockerApiError ? new ApiError('engineUnavailable', { cause: error }) : error
    }
  }

  /**
   * The API version is negotiated once, and again after the engine was away, since it may have been upgraded. It may
   * also change between two requests, in which case the engine rejects ours.
   */
  async function withVersion<T>(request: DockerRequest, work: () => Promise<T>): Promise<T> {
    const recordCall = onCall && startCall(request, onCall)
    try {
      const result = await retryOnVersionMismatch(work)
      recordCall?.('ok')
      return result
    } catch (error) {
      recordCall?.(error instanceof DockerApiError ? 'refused' : 'failed')
      throw error
    }
  }

  async function retryOnVersionMismatch<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await mapErrors(work)
    } catch (error) {
      if (!(error instanceof DockerApiError && isVersionMismatch(error))) throw error
      apiVersion = undefined
      return await mapErrors(work)
    }
  }

  async function mapErrors<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof DockerApiError) throw error
      apiVersion = undefined
      if (error instanceof ApiError) throw error
      throw new ApiError('engineUnavailable', { cause: error })
    }
  }
}

function startCall(request: DockerRequest, onCall: (call: EngineCall) => void) {
  const startedAt = performance.now()
  return (result: EngineCall['result']) =>
    onCall({ kind: requestKind(request), result, ms: performance.now() - startedAt })
}

/** The request without container, exec and image names, for metrics: `GET /containers/:id/json`. */
export function requestKind({ method, path }: Pick<DockerRequest, 'method' | 'path'>): string {
  const kind = path
    .replace(/^\/(containers|exec)\/[0-9a-f]{12,}(?=\/|$)/, '/$1/:id')
    .replace(/^\/images\/.+\/json$/, '/images/:name/json')
  return `${method} ${kind}`
}

function isVersionMismatch(error: DockerApiError): boolean {
  return error.status === 400 && /client version .* is too (old|new)/.test(error.message)
}

/**
 * The newest API version that engine and client share (`GET /version`: `ApiVersion`, `MinAPIVersion`).
 * @throws ApiError 923 if there is none
 */
export function chooseApiVersion(response: unknown): string {
  const versions = response as { ApiVersion?: unknown; MinAPIVersion?: unknown } | undefined
  const newest = versions?.ApiVersion
  const oldest = versions?.MinAPIVersion ?? '1.12'
  if (!isApiVersion(newest) || !isApiVersion(oldest)) throw new Error('The response to /version is not an engine’s')
  if (compareVersions(oldest, MAX_API_VERSION) > 0) {
    throw new ApiError('engineUnfit', {
      text: `The container engine requires API ${oldest} or newer, but this program supports up to ${MAX_API_VERSION}: update cikit-api`,
    })
  }
  return compareVersions(newest, MAX_API_VERSION) < 0 ? newest : MAX_API_VERSION
}

function isApiVersion(value: unknown): value is string {
  return typeof value === 'string' && /^\d+\.\d+$/.test(value)
}

function compareVersions(left: string, right: string): number {
  const [leftMajor = 0, leftMinor = 0] = left.split('.').map(Number)
  const [rightMajor = 0, rightMinor = 0] = right.split('.').map(Number)
  return leftMajor - rightMajor || leftMinor - rightMinor
}

function bodyOf(request: DockerRequest): { body?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string> } {
  if (request.tar) return { body: new Uint8Array(request.tar), headers: { 'content-type': 'application/x-tar' } }
  if (request.json !== undefined) {
    return { body: JSON.stringify(request.json), headers: { 'content-type': 'application/json' } }
  }
  return {}
}

async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let size = 0
  let text = ''
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_RESPONSE_BYTES) throw new Error(`The engine's response is larger than ${MAX_RESPONSE_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function parseBody(status: number, text: string): unknown {
  if (status === 204 || status === 304) return undefined
  const body: unknown = text.trim() === '' ? undefined : JSON.parse(text)
  if (status >= 200 && status < 300) return body
  const message = (body as { message?: unknown } | undefined)?.message
  if (status < 400 || typeof message !== 'string') throw new Error(`The engine answered ${status} without a message`)
  throw new DockerApiError(status, message)
}

async function* jsonLines(response: Response, onChunk: () => void): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of response.body ?? []) {
      onChunk()
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_LENGTH) throw new Error('A line of the engine’s response is too long')
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line)
    }
    if (rest.trim() !== '') yield JSON.parse(rest)
  } catch (error) {
    throw new ApiError('engineUnavailable', { cause: error })
  }
}

/** Aborts after `limitMs` without a reset. */
function createIdleTimeout(limitMs: number) {
  const controller = new AbortController()
  const start = () => setTimeout(() => controller.abort(new Error(`silent for ${limitMs} ms`)), limitMs)
  let timer = start()
  return {
    signal: controller.signal,
    reset: () => {
      clearTimeout(timer)
      timer = start()
    },
    clear: () => clearTimeout(timer),
  }
}
