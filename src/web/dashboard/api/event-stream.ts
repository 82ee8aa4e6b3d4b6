import { createEventParser } from '../../../api/client/sse-parser.ts'
import { request } from './client.ts'
import { ResponseError } from './http.ts'

/** The server gives a sign of life every 15 seconds. */
const IDLE_TIMEOUT_MS = 45_000
const MIN_RETRY_DELAY_MS = 500
const MAX_RETRY_DELAY_MS = 15_000

export interface EventStreamOptions {
  /** @param data as JSON had it */
  onEvent: (name: string, data: unknown) => void
  /** Called when the stream is there, and when it was lost. */
  onStateChange: (state: 'live' | 'lost') => void
  signal: AbortSignal
}

/** Follows a stream of server-sent events until `signal` ends it: one that is lost is opened again, where it ended. */
export async function consumeEventStream(
  path: string,
  { onEvent, onStateChange, signal }: EventStreamOptions,
): Promise<void> {
  let lastEventId = ''
  let retryDelay = MIN_RETRY_DELAY_MS
  while (!signal.aborted) {
    const startedAt = Date.now()
    try {
      await connectOnce()
    } catch (error) {
      if (signal.aborted) return
      onStateChange('lost')
      // There is no session any more, or no right: whoever sees to these begins anew.
      if (error instanceof ResponseError && (error.status === 401 || error.status === 403)) return
    }
    if (Date.now() - startedAt > MAX_RETRY_DELAY_MS) retryDelay = MIN_RETRY_DELAY_MS
    // Not all tabs at the same moment.
    await waitForRetry(retryDelay * (0.75 + Math.random() / 2), signal)
    retryDelay = Math.min(retryDelay * 2, MAX_RETRY_DELAY_MS)
  }

  async function connectOnce(): Promise<void> {
    const connectionController = new AbortController()
    const combinedSignal = AbortSignal.any([signal, connectionController.signal])
    let idleTimer = setTimeout(() => connectionController.abort(), IDLE_TIMEOUT_MS)
    try {
      const headers: Record<string, string> = lastEventId === '' ? {} : { 'last-event-id': lastEventId }
      const { body } = await request(path, { headers, signal: combinedSignal })
      const parser = createEventParser()
      const reader = body?.getReader()
      onStateChange('live')
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true }
        if (done || !value) throw new Error('The stream has ended')
        clearTimeout(idleTimer)
        idleTimer = setTimeout(() => connectionController.abort(), IDLE_TIMEOUT_MS)
        for (const { event: name, data } of parser.push(value)) onEvent(name, JSON.parse(data))
        lastEventId = parser.lastEventId() || lastEventId
        retryDelay = MIN_RETRY_DELAY_MS
      }
    } finally {
      clearTimeout(idleTimer)
      connectionController.abort()
    }
  }
}

/** Shorter when the browser says that the network is back, or the person comes back to the tab. */
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
