import type { ServerEvent } from '../../src/api/client/sse-parser.ts'
import { escapeText } from '../../src/core/log.ts'

type EventData = Partial<Record<string, unknown>>

/** An event as one line with the local time: `16:21:07 cikit05 changed: Up 3 seconds, ready`. */
export function toEventText(event: ServerEvent, receivedAt: Date): string {
  const time = [receivedAt.getHours(), receivedAt.getMinutes(), receivedAt.getSeconds()]
    .map(part => String(part).padStart(2, '0'))
    .join(':')
  return `${time} ${escapeText(describeEvent(event))}`
}

/** @returns undefined if the data is not a JSON object */
export function parseData(data: string): EventData | undefined {
  try {
    return asObject(JSON.parse(data))
  } catch {
    return undefined
  }
}

function describeEvent({ event, data }: ServerEvent): string {
  const parsed = parseData(data)
  const text = parsed && Object.hasOwn(formatters, event) && formatters[event]?.(parsed)
  return text || `${event}: ${data}`
}

const formatters: Partial<Record<string, (data: EventData) => string>> = {
  begin: () => 'connected',
  reset: () => 'connected; events were missed: see cikit-api droplet ls',
  droplet: ({ change, droplet }) => {
    const { name, status, health } = asObject(droplet) ?? {}
    const state = change === 'removed' ? [] : [status, health].filter(part => typeof part === 'string')
    return `${name} ${change}${state.length > 0 ? `: ${state.join(', ')}` : ''}`
  },
  operation: ({ kind, droplet, state, steps, progress, error }) => {
    const { error: errorText } = asObject(error) ?? {}
    const step = state === 'running' && Array.isArray(steps) ? asObject(steps.at(-1))?.name : undefined
    const { text } = asObject(progress) ?? {}
    const parts = [state, step, text].filter(part => typeof part === 'string')
    return `${kind}${droplet ? ` ${droplet}` : ''}: ${parts.join(', ')}${errorText ? `: ${errorText}` : ''}`
  },
  user: ({ change, user }) => {
    const { username, group } = asObject(user) ?? {}
    return `user ${username} ${change}${change === 'removed' ? '' : `: ${group}`}`
  },
  audit: ({ last }) => `new audit records, up to ${last}: see cikit-api audit`,
  engine: ({ state }) => `the engine is ${state}`,
  end: ({ error }) => `stream ended: ${error}`,
}

function asObject(value: unknown): EventData | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}
