import type { ServerEvent } from '../src/events/parser.ts'
import { command, sessionFileOf, settingArgs } from './command.ts'
import { parseData, toEventText } from './event-text.ts'
import { follow } from './follow.ts'
import { onInterrupt } from './interrupt.ts'
import { print } from './output.ts'

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
    using _ = onInterrupt(() => undefined)
    const stream = follow(sessionFileOf(args), (api, signal, lastEventId) => api.openEvents(signal, lastEventId))
    for await (const event of stream) {
      const hasReader = await print(`${args.json ? toJson(event) : toEventText(event, new Date())}\n`)
      if (!hasReader) return
    }
  },
})

function toJson({ id, event, data }: ServerEvent): string {
  return JSON.stringify({ id, event, data: parseData(data) ?? data })
}
