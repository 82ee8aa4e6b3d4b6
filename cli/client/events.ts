import type { ServerEvent } from '../../src/api/client/sse-parser.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { onInterrupt } from '../shared/interrupts.ts'
import { print } from '../shared/output.ts'
import { sessionFileOf } from './api/session-file.ts'
import { parseData, toEventText } from './event-text.ts'
import { followStream } from './follow-stream.ts'

export const events = defineCommand({
  description: 'Follow changes of droplets, operations and users until Ctrl-C',
  args: {
    json: { type: 'boolean', description: 'Print one JSON object per line: {id, event, data}' },
    ...settingArgs('session-file'),
  },
  run: async ({ args }) => {
    using _ = onInterrupt(() => undefined)
    const stream = followStream(sessionFileOf(args), (api, signal, lastEventId) => api.openEvents(signal, lastEventId))
    for await (const event of stream) {
      const isOpen = await print(`${args.json ? toJson(event) : toEventText(event, new Date())}\n`)
      if (!isOpen) return
    }
  },
})

function toJson({ id, event, data }: ServerEvent): string {
  return JSON.stringify({ id, event, data: parseData(data) ?? data })
}
