import { ClientError } from '../src/errors.ts'
import type { ServerEvent } from '../src/events/parser.ts'
import { escapeText } from '../src/log.ts'
import { withApi } from './client/client.ts'
import { followEvents } from './client/event-stream.ts'
import type { Api } from './client/server.ts'
import type { SessionFile } from './client/session-file.ts'
import { parseData } from './event-text.ts'

const news = { lost: 'The connection is lost: connecting again', back: 'Connected again' }

/**
 * The events of a stream of the server, told on standard error when its connection is lost and found again.
 * @throws ClientError after the event `end`, and whenever the server refuses
 */
export async function* follow(
  file: SessionFile,
  open: (api: Api, signal: AbortSignal, lastEventId: string | undefined) => Promise<Response>,
): AsyncGenerator<ServerEvent> {
  const stream = followEvents({
    open: (signal, lastEventId) => withApi(file, api => open(api, signal, lastEventId)),
    // A session ends when its tokens are not refreshed for days, and the stream with it.
    alive: () => withApi(file, async () => undefined),
    tell: state => process.stderr.write(`cikit-api: ${news[state]}\n`),
  })
  for await (const event of stream) {
    yield event
    if (event.event === 'end') throw endOf(event, file.read().url)
  }
}

/** The session has ended, or the server says what else. */
function endOf({ data }: ServerEvent, url: string): ClientError {
  const { error, errorId } = parseData(data) ?? {}
  if (errorId === 908) return sessionEnded(url)
  return new ClientError('refused', escapeText(String(error)))
}

export function sessionEnded(url: string): ClientError {
  return new ClientError('notLoggedIn', `Your session at ${url} has ended: cikit-api login ${url}`)
}
