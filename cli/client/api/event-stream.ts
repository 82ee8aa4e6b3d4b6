import { type EventStreamOptions, followEvents } from '../../../src/api/client/event-stream.ts'
import type { ServerEvent } from '../../../src/api/client/sse-parser.ts'
import { isUnreachable, realTiming, type Timing } from './retry.ts'

const delays = { minMs: 1_000, maxMs: 30_000, resetOnData: false }

export interface ServerEventOptions extends Pick<EventStreamOptions, 'open' | 'onActivity' | 'silenceTimeoutMs'> {
  /** Called once when the connection is lost, and once when it is back. */
  onStatus: (state: 'lost' | 'back') => void
  timing?: Timing
}

/**
 * The events of a server, without an end: a lost connection is reopened after the last event received.
 * @throws ClientError if the server rejects the request, or cannot be reached at the start
 */
export function followServerEvents(options: ServerEventOptions): AsyncGenerator<ServerEvent> {
  const { onStatus, timing = realTiming, ...streamOptions } = options
  let wasLost = false
  return followEvents({
    ...streamOptions,
    timing,
    delays,
    shouldRetry: (error, hasConnected) => hasConnected && isUnreachable(error),
    onStateChange: state => {
      if (state === 'lost') onStatus('lost')
      else if (wasLost) onStatus('back')
      wasLost = state === 'lost'
    },
  })
}
