import type { EngineAddress } from '../../config/types.ts'
import { ApiError } from '../../core/errors.ts'
import type { EngineCall } from '../../droplets/engine.ts'
import { chooseApiVersion, isVersionMismatch } from './api-version.ts'
import { hijack, type UpgradedConnection } from './hijack.ts'
import { DockerApiError, parseBody, parseJsonLines, readBody } from './response-body.ts'

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
      return parseJsonLines(await requestStreamWithTimeout(request, signal), () => undefined)
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
        yield* parseJsonLines(response, idleTimeout.reset)
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
      // An error here does not concern the request itself. Nothing is cached, so the next request negotiates again.
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

function bodyOf(request: DockerRequest): { body?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string> } {
  if (request.tar) return { body: new Uint8Array(request.tar), headers: { 'content-type': 'application/x-tar' } }
  if (request.json !== undefined) {
    return { body: JSON.stringify(request.json), headers: { 'content-type': 'application/json' } }
  }
  return {}
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
