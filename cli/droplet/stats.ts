import { ClientError } from '../../src/errors.ts'
import { createEventParser, type ServerEvent } from '../../src/events/parser.ts'
import type { MomentBody, StatsBody } from '../../src/statistics/model.ts'
import { call, withApi } from '../client/client.ts'
import { askPatiently, realTiming } from '../client/patience.ts'
import type { SessionFile } from '../client/session-file.ts'
import { command, sessionFileOf, settingArgs } from '../command.ts'
import { follow } from '../follow.ts'
import { onInterrupt } from '../interrupt.ts'
import { print } from '../output.ts'
import { name } from './name.ts'
import { toMomentText, toStatsText } from './stats-text.ts'

/** Every two seconds there is an event, as long as the engine is there. */
const FIRST_LIMIT_MS = 15_000
const CLEAR = '\x1b[H\x1b[2J'

export const stats = command({
  meta: {
    name: 'cikit-api droplet stats',
    description: 'What the droplets use now, or one of them in the last hour',
  },
  args: {
    name: { ...name, required: false, description: 'Name of the droplet (all that run)' },
    follow: { type: 'boolean', description: 'Print it again and again, until Ctrl-C' },
    json: { type: 'boolean', description: 'Print it as the API answers it, one JSON object a line' },
    ...settingArgs('session-file'),
  },
  run: async ({ args }) => {
    using _ = onInterrupt(() => undefined)
    const file = sessionFileOf(args)
    const redraws = args.follow === true && !args.json && process.stdout.isTTY
    const bodies = args.name === undefined ? momentsOf(file, args.follow === true) : hoursOf(file, args.name)
    for await (const { body, toText } of bodies) {
      const text = args.json ? `${JSON.stringify(body)}\n` : toText()
      const hasReader = await print(redraws ? `${CLEAR}${text}` : text)
      if (!hasReader || !args.follow) return
    }
  },
})

interface Told {
  body: StatsBody | MomentBody
  toText: () => string
}

/** Of one droplet, as often as something is measured. */
async function* hoursOf(file: SessionFile, name: string): AsyncGenerator<Told> {
  // Eden puts it into the path as it is.
  const ask = () => call(file, api => api.droplet.stats({ droplet: encodeURIComponent(name) }).get())
  let body = await ask()
  for (;;) {
    const present = body
    yield { body: present, toText: () => toStatsText(present) }
    await Bun.sleep(body.interval * 1000)
    body = await askPatiently(ask, () => undefined, realTiming)
  }
}

/** Of all that run, as the server tells it. */
async function* momentsOf(file: SessionFile, goesOn: boolean): AsyncGenerator<Told> {
  if (!goesOn) return yield await firstMoment(file)
  for await (const event of follow(file, (api, signal) => api.openStats(signal))) {
    if (event.event === 'stats') yield toldOf(event)
  }
}

/** @throws ClientError when nothing is told in time */
async function firstMoment(file: SessionFile): Promise<Told> {
  const connection = new AbortController()
  const timer = setTimeout(() => connection.abort(), FIRST_LIMIT_MS)
  try {
    const { body } = await withApi(file, api => api.openStats(connection.signal))
    const parser = createEventParser()
    for await (const chunk of body ?? []) {
      const event = parser.push(chunk).find(({ event }) => event === 'stats')
      if (event) return toldOf(event)
    }
  } catch (error) {
    if (error instanceof ClientError && !connection.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
    connection.abort()
  }
  const silent = 'The server does not tell what the droplets use: its engine may be away, see cikit-api droplet ls'
  throw new ClientError('refused', silent)
}

function toldOf(event: ServerEvent): Told {
  const body = momentOf(event)
  return { body, toText: () => toMomentText(body) }
}

function momentOf({ data }: ServerEvent): MomentBody {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new ClientError('refused', 'The server answered what cannot be understood', { cause })
  }
}
