import { followEvents } from '../../../api/client/event-stream.ts'
import { request } from './client.ts'
import { ResponseError } from './http.ts'

const delays = { minMs: 500, maxMs: 15_000, resetOnData: true }

export interface EventStreamOptions {
  /** @param data parsed JSON */
  onEvent: (name: string, data: unknown) => void
  /** Called when the stream is connected, and when it is lost. */
  onStateChange: (state: 'live' | 'lost') => void
  signal: AbortSignal
}

/** Follows a stream of server-sent events until `signal` aborts it or the server denies access. */
export async function consumeEventStream(
  path: string,
  { onEvent, onStateChange, signal }: EventStreamOptions,
): Promise<void> {
  const stream = followEvents({
    open: (connectionSignal, lastEventId) =>
      request(path, {
        headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
        signal: connectionSignal,
      }),
    onStateChange,
    shouldRetry: error => !isAccessDenied(error),
    delays,
    timing: { now: () => performance.now(), sleep: ms => waitForRetry(ms, signal) },
    signal,
  })
  try {
    for await (const { event, data } of stream) onEvent(event, JSON.parse(data))
  } catch (error) {
    onStateChange('lost')
    // Ending the session or changing the group opens a new stream.
    if (!isAccessDenied(error)) throw error
  }
}

function isAccessDenied(error: unknown): boolean {
  return error instanceof ResponseError && (error.status === 401 || error.status === 403)
}

/** Waits for `ms`, or until the browser is online again or the tab becomes visible. */
function waitForRetry(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const listeners = new AbortController()
    const finish = () => {
      clearTimeout(timer)
      listeners.abort()
      resolve()
    }
    const timer = setTimeout(finish, ms)
    addEventListener('online', finish, { signal: listeners.signal })
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && finish(), {
      signal: listeners.signal,
    })
    signal.addEventListener('abort', finish, { signal: listeners.signal })
  })
}
