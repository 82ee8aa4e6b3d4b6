import type { ServerEvent } from '../../src/api/client/sse-parser.ts'
import { ClientError } from '../../src/core/errors.ts'
import { escapeText } from '../../src/core/log.ts'
import type { ApiClient } from './api/api-client.ts'
import { followServerEvents } from './api/event-stream.ts'
import { withApi } from './api/session.ts'
import type { SessionFile } from './api/session-file.ts'
import { parseData } from './event-text.ts'

const statusMessages = { lost: 'The connection is lost: connecting again', back: 'Connected again' }

/**
 * The events of a stream of the server, told on standard error when its connection is lost and found again.
 * @throws ClientError after the event `end`, and whenever the server refuses
 */
export async function* followStream(
  file: SessionFile,
  open: (api: ApiClient, signal: AbortSignal, lastEventId: string | undefined) => Promise<Response>,
): AsyncGenerator<ServerEvent> {
  const stream = followServerEvents({
    open: (signal, lastEventId) => withApi(file, api => open(api, signal, lastEventId)),
    // A session ends when its tokens are not refreshed for days, and the stream with it.
    onActivity: () => withApi(file, async () => undefined),
    onStatus: state => process.stderr.write(`cikit-api: ${statusMessages[state]}\n`),
  })
  for await (const event of stream) {
    yield event
    if (event.event === 'end') throw sessionError(event, file.read().url)
  }
}

/** The session has ended, or the server says what else. */
function sessionError({ data }: ServerEvent, url: string): ClientError {
  const { error, errorId } = parseData(data) ?? {}
  if (errorId === 908) return sessionEndedError(url)
  return new ClientError('refused', escapeText(String(error)))
}

export function sessionEndedError(url: string): ClientError {
  return new ClientError('notLoggedIn', `Your session at ${url} has ended: cikit-api login ${url}`)
}
