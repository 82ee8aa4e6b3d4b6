import type { ServerEvent } from '../src/events/parser.ts'
import { escapeText } from '../src/log.ts'

type Data = Partial<Record<string, unknown>>

/** An event as one line for people, with the time of day here: `16:21:07 cikit05 changed: Up 3 seconds, ready`. */
export function toEventText(event: ServerEvent, at: Date): string {
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(part => String(part).padStart(2, '0')).join(':')
  return `${time} ${escapeText(wordsOf(event))}`
}

/** The object that an event carries; undefined when it carries none. */
export function parseData(data: string): Data | undefined {
  try {
    return objectOf(JSON.parse(data))
  } catch {
    return undefined
  }
}

function wordsOf({ event, data }: ServerEvent): string {
  const told = parseData(data)
  const words = told && Object.hasOwn(wording, event) && wording[event]?.(told)
  return words || `${event}: ${data}`
}

const wording: Partial<Record<string, (data: Data) => string>> = {
  begin: () => 'connected',
  reset: () => 'connected; what happened meanwhile is not known: see cikit-api droplet ls',
  droplet: ({ change, droplet }) => {
    const { name, status, health } = objectOf(droplet) ?? {}
    const state = change === 'removed' ? [] : [status, health].filter(part => typeof part === 'string')
    return `${name} ${change}${state.length > 0 ? `: ${state.join(', ')}` : ''}`
  },
  operation: ({ kind, droplet, state, steps, progress, error }) => {
    const { error: words } = objectOf(error) ?? {}
    const step = state === 'running' && Array.isArray(steps) ? objectOf(steps.at(-1))?.name : undefined
    const { text } = objectOf(progress) ?? {}
    const parts = [state, step, text].filter(part => typeof part === 'string')
    return `${kind}${droplet ? ` ${droplet}` : ''}: ${parts.join(', ')}${words ? `: ${words}` : ''}`
  },
  user: ({ change, user }) => {
    const { username, group } = objectOf(user) ?? {}
    return `user ${username} ${change}${change === 'removed' ? '' : `: ${group}`}`
  },
  audit: ({ last }) => `the audit has new records, up to ${last}: see cikit-api audit`,
  engine: ({ state }) => `the engine is ${state}`,
  end: ({ error }) => `the end: ${error}`,
}

function objectOf(value: unknown): Data | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}
