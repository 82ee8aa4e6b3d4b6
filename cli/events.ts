import { ClientError } from '../src/errors.ts'
import type { ServerEvent } from '../src/events/parser.ts'
import { escapeText } from '../src/log.ts'
import { withApi } from './client/client.ts'
import { followEvents } from './client/event-stream.ts'
import { command, sessionFileOf, settingArgs } from './command.ts'
import { parseData, toEventText } from './event-text.ts'
import { onInterrupt } from './interrupt.ts'

const news = { lost: 'The connection is lost: connecting again', back: 'Connected again' }

export const events = command({
  meta: {
    name: 'cikit-api events',
    description: 'Follow what happens to droplets, operations and users, until Ctrl-C',
  },
  args: {
    json: { type: 'boolean', description: 'Print one JSON object a line: {id, event, data}' },
    ...settingArgs('session-file'),
  },
  run: async ({ args }) => {
    const file = sessionFileOf(args)
    using _ = onInterrupt(() => undefined)
    const stream = followEvents({
      open: (signal, lastEventId) => withApi(file, api => api.openEvents(signal, lastEventId)),
      // A session ends when its tokens are not refreshed for days, and the stream with it.
      alive: () => withApi(file, async () => undefined),
      tell: state => process.stderr.write(`cikit-api: ${news[state]}\n`),
    })
    for await (const event of stream) {
      const hasReader = await write(args.json ? toJson(event) : toEventText(event, new Date()))
      if (!hasReader) return
      if (event.event === 'end') throw endOf(event, file.read().url)
    }
  },
})

function toJson({ id, event, data }: ServerEvent): string {
  return JSON.stringify({ id, event, data: parseData(data) ?? data })
}

/** The session has ended, or the server says what else. */
function endOf({ data }: ServerEvent, url: string): ClientError {
  const { error, errorId } = parseData(data) ?? {}
  if (errorId === 908) return new ClientError('notLoggedIn', `Your session at ${url} has ended: cikit-api login ${url}`)
  return new ClientError('refused', escapeText(String(error)))
}

/** @returns false when nobody reads any more, as after `| head` */
async function write(line: string): Promise<boolean> {
  try {
    await Bun.write(Bun.stdout, `${line}\n`)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return false
    throw error
  }
}
