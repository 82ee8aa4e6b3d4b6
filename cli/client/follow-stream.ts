import type { ServerEvent } from '../../src/api/client/sse-parser.ts'
import { ClientError } from '../../src/core/errors.ts'
import { escapeText } from '../../src/core/log.ts'
import { type ApiClient, sessionEndedError } from './api/api-client.ts'
import { followServerEvents } from './api/event-stream.ts'
import { withApi } from './api/session.ts'
import type { SessionFile } from './api/session-file.ts'
import { parseData } from './event-text.ts'

const statusMessages = { lost: 'connection lost, reconnecting', back: 'reconnected' }

/**
 * The events of a stream. Standard error reports when the connection is lost and back.
 * @throws ClientError after the event `end`, and when the server rejects the request
 */
export async function* followStream(
  file: SessionFile,
  open: (api: ApiClient, signal: AbortSignal, lastEventId: string | undefined) => Promise<Response>,
): AsyncGenerator<ServerEvent> {
  const stream = followServerEvents({
    open: (signal, lastEventId) => withApi(file, api => open(api, signal, lastEventId)),
    // Refreshes tokens when due; otherwise the session would end, and the stream with it.
    onActivity: () => withApi(file, async () => undefined),
    onStatus: state => process.stderr.write(`cikit-api: ${statusMessages[state]}\n`),
  })
  for await (const event of stream) {
    yield event
    if (event.event === 'end') throw sessionError(event, file.read().url)
  }
}

function sessionError({ data }: ServerEvent, url: string): ClientError {
  const { error, errorId } = parseData(data) ?? {}
  if (errorId === 908) return sessionEndedError(url)
  return new ClientError('refused', escapeText(String(error)))
}
