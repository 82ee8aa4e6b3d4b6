import { ClientError } from '../../core/errors.ts'
import { timedOut, withTimeout } from '../../core/timeout.ts'
import { createEventParser, type ServerEvent } from './sse-parser.ts'

/** The server sends a heartbeat every 15 seconds; a connection silent for this long is lost. */
const SILENCE_TIMEOUT_MS = 45_000

/** Delays between attempts double up to `maxMs`, from `minMs` or the delay that the server sends. */
interface ReconnectDelays {
  minMs: number
  maxMs: number
  /** Start over as soon as data arrives. Otherwise a connection has to last longer than `maxMs`. */
  resetOnData: boolean
}

export interface EventStreamOptions {
  /** @param lastEventId of the last event received; undefined before the first */
  open: (signal: AbortSignal, lastEventId: string | undefined) => Promise<Response>
  /** Awaited for every chunk, heartbeats included. An error ends the connection. */
  onActivity?: (() => Promise<void>) | undefined
  /** Called once per change; the first connection counts. */
  onStateChange: (state: 'live' | 'lost') => void
  /** Whether to reconnect after this error. */
  shouldRetry: (error: unknown, hasConnected: boolean) => boolean
  delays: ReconnectDelays
  timing: { now: () => number; sleep: (ms: number) => Promise<void> }
  /** Ends the stream without an error. */
  signal?: AbortSignal
  silenceTimeoutMs?: number | undefined
}

/**
 * The events of a server-sent event stream. A lost connection is reopened after the last event received.
 * @throws what `open` or `onActivity` throws, if `shouldRetry` returns false
 */
export async function* followEvents(options: EventStreamOptions): AsyncGenerator<ServerEvent> {
  const { onActivity, onStateChange, shouldRetry, delays, timing, signal } = options
  const { silenceTimeoutMs = SILENCE_TIMEOUT_MS } = options
  let lastEventId: string | undefined
  let baseDelay = delays.minMs
  let delay = baseDelay
  let state: 'new' | 'live' | 'lost' = 'new'
  while (!signal?.aborted) {
    const connection = new AbortController()
    const startedAt = timing.now()
    let hasData = false
    try {
      const { body } = await openWithTimeout(connection)
      onStateChange('live')
      state = 'live'
      const parser = createEventParser(ms => {
        baseDelay = Math.min(Math.max(ms, 1), delays.maxMs)
      })
      for await (const chunk of readChunks(body, silenceTimeoutMs)) {
        await onActivity?.()
        hasData = true
        yield* parser.push(chunk)
        lastEventId = parser.lastEventId() || lastEventId
      }
    } catch (error) {
      if (signal?.aborted) return
      if (!shouldRetry(error, state !== 'new')) throw error
    } finally {
      connection.abort()
    }
    if (state !== 'lost') onStateChange('lost')
    state = 'lost'
    const lastedLong = timing.now() - startedAt > delays.maxMs
    if (lastedLong || (delays.resetOnData && hasData)) delay = baseDelay
    // Jitter, so that clients do not all return to a restarted server at once.
    await timing.sleep(delay * (0.75 + Math.random() / 4))
    delay = Math.min(Math.max(delay * 2, baseDelay), delays.maxMs)
  }

  async function openWithTimeout(connection: AbortController): Promise<Response> {
    const onTimeout = () => connection.abort(new DOMException('no answer in time', 'TimeoutError'))
    const timer = setTimeout(onTimeout, silenceTimeoutMs)
    try {
      const signals = signal ? [connection.signal, signal] : [connection.signal]
      return await options.open(AbortSignal.any(signals), lastEventId)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** @throws ClientError when the connection breaks or is silent for too long */
async function* readChunks(
  body: ReadableStream<Uint8Array> | null,
  silenceTimeoutMs: number,
): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  while (reader) {
    const result = await withTimeout(reader.read(), silenceTimeoutMs).catch(cause => {
      throw new ClientError('unreachable', 'The event stream broke off', { cause })
    })
    if (result === timedOut) throw new ClientError('unreachable', 'The event stream went silent')
    if (result.done) return
    yield result.value
  }
}
