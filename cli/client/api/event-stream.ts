import { createEventParser, type ServerEvent } from '../../../src/api/client/sse-parser.ts'
import { ConnectionLostError } from './api-client.ts'
import { isUnreachable, realTiming, type Timing } from './retry.ts'

/** The server gives a sign of life every 15 seconds. */
const SILENCE_TIMEOUT_MS = 45_000
const DEFAULT_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

export interface EventStreamOptions {
  /** @param lastEventId of the last event seen; undefined at the first time */
  open: (signal: AbortSignal, lastEventId: string | undefined) => Promise<Response>
  /** Awaited whenever there was a sign of life. */
  onActivity: () => Promise<void>
  /** Told once when the connection is lost, and once when it is there again. */
  onStatus: (state: 'lost' | 'back') => void
  timing?: Timing
  /** Tests have less patience. */
  silenceTimeoutMs?: number
}

/**
 * The events of a server, without an end: a connection that is lost is made again, where the last one ended.
 * @throws ClientError when the server refuses, or is not there at the beginning
 */
export async function* followEvents(options: EventStreamOptions): AsyncGenerator<ServerEvent> {
  const { open, onStatus, timing = realTiming, silenceTimeoutMs = SILENCE_TIMEOUT_MS } = options
  let lastEventId: string | undefined
  let baseDelay = DEFAULT_RETRY_MS
  let delay = baseDelay
  let state: 'first' | 'connected' | 'lost' = 'first'
  for (;;) {
    const connection = new AbortController()
    const connectedAt = timing.now()
    try {
      const { body } = await openWithTimeout(connection)
      if (state === 'lost') onStatus('back')
      state = 'connected'
      const parser = createEventParser(ms => {
        baseDelay = Math.min(Math.max(ms, 1), MAX_RETRY_MS)
      })
      for await (const chunk of readChunks(body, silenceTimeoutMs)) {
        await options.onActivity()
        yield* parser.push(chunk)
        lastEventId = parser.lastEventId() || lastEventId
      }
    } catch (error) {
      if (state === 'first' || !isUnreachable(error)) throw error
    } finally {
      connection.abort()
    }
    if (state !== 'lost') onStatus('lost')
    state = 'lost'
    if (timing.now() - connectedAt > MAX_RETRY_MS) delay = baseDelay
    // Not all clients of a server that comes back at the same time.
    await timing.sleep(delay * (0.75 + Math.random() / 4))
    delay = Math.min(Math.max(delay * 2, baseDelay), MAX_RETRY_MS)
  }

  async function openWithTimeout(connection: AbortController): Promise<Response> {
    const onTimeout = () => connection.abort(new DOMException('no answer in time', 'TimeoutError'))
    const timer = setTimeout(onTimeout, silenceTimeoutMs)
    try {
      return await open(connection.signal, lastEventId)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** @throws ConnectionLost when nothing comes for so long, or the connection breaks */
async function* readChunks(
  body: ReadableStream<Uint8Array> | null,
  silenceTimeoutMs: number,
): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  while (reader) {
    const silence = Promise.withResolvers<never>()
    const timer = setTimeout(() => silence.reject(new Error('silence')), silenceTimeoutMs)
    try {
      const { done, value } = await Promise.race([reader.read(), silence.promise])
      if (done) return
      yield value
    } catch (cause) {
      throw new ConnectionLostError('The stream of events was lost', { cause })
    } finally {
      clearTimeout(timer)
    }
  }
}
