import { createEventParser, type ServerEvent } from '../../../src/api/client/sse-parser.ts'
import { ClientError } from '../../../src/core/errors.ts'
import type { StatsBody, StatsSnapshotBody } from '../../../src/droplets/stats/schema.ts'
import { defineCommand } from '../../shared/command.ts'
import { settingArgs } from '../../shared/flags.ts'
import { onInterrupt } from '../../shared/interrupts.ts'
import { print } from '../../shared/output.ts'
import { realTiming, retryWhileUnreachable } from '../api/retry.ts'
import { call, withApi } from '../api/session.ts'
import type { SessionFile } from '../api/session-file.ts'
import { sessionFileOf } from '../api/session-file.ts'
import { followStream } from '../follow-stream.ts'
import { dropletNameArg } from './name-arg.ts'
import { toSnapshotText, toStatsText } from './stats-text.ts'

/** The server sends an event every two seconds while the engine is available. */
const FIRST_EVENT_TIMEOUT_MS = 15_000
const CLEAR = '\x1b[H\x1b[2J'

export const stats = defineCommand({
  description: 'Show the resource usage of all droplets now, or of one droplet over the last hour',
  args: {
    name: { ...dropletNameArg, required: false, description: 'Name of the droplet (default: all running droplets)' },
    follow: { type: 'boolean', description: 'Keep printing until Ctrl-C' },
    json: { type: 'boolean', description: 'Print the API response, one JSON object per line' },
    ...settingArgs('session-file'),
  },
  run: async ({ args }) => {
    using _ = onInterrupt(() => undefined)
    const file = sessionFileOf(args)
    const redraws = args.follow === true && !args.json && process.stdout.isTTY
    const bodies = args.name === undefined ? readSnapshots(file, args.follow === true) : pollLastHour(file, args.name)
    for await (const { body, toText } of bodies) {
      const text = args.json ? `${JSON.stringify(body)}\n` : toText()
      const hasReader = await print(redraws ? `${CLEAR}${text}` : text)
      if (!hasReader || !args.follow) return
    }
  },
})

interface StatsOutput {
  body: StatsBody | StatsSnapshotBody
  toText: () => string
}

/** One droplet, after every measurement. */
async function* pollLastHour(file: SessionFile, name: string): AsyncGenerator<StatsOutput> {
  // Eden does not encode path parameters.
  const fetchStats = () => call(file, api => api.droplet.stats({ droplet: encodeURIComponent(name) }).get())
  let body = await fetchStats()
  for (;;) {
    const current = body
    yield { body: current, toText: () => toStatsText(current) }
    await Bun.sleep(body.interval * 1000)
    body = await retryWhileUnreachable(fetchStats, () => undefined, realTiming)
  }
}

/** All running droplets, as the server streams them. */
async function* readSnapshots(file: SessionFile, isFollowing: boolean): AsyncGenerator<StatsOutput> {
  if (!isFollowing) return yield await readFirstSnapshot(file)
  for await (const event of followStream(file, (api, signal) => api.openStats(signal))) {
    if (event.event === 'stats') yield toOutput(event)
  }
}

/** @throws ClientError if no snapshot arrives in time */
async function readFirstSnapshot(file: SessionFile): Promise<StatsOutput> {
  const connection = new AbortController()
  const timer = setTimeout(() => connection.abort(), FIRST_EVENT_TIMEOUT_MS)
  try {
    const { body } = await withApi(file, api => api.openStats(connection.signal))
    const parser = createEventParser()
    for await (const chunk of body ?? []) {
      const event = parser.push(chunk).find(({ event }) => event === 'stats')
      if (event) return toOutput(event)
    }
  } catch (error) {
    if (error instanceof ClientError && !connection.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
    connection.abort()
  }
  const message = 'The server sent no stats: its engine may be away, see cikit-api droplet ls'
  throw new ClientError('refused', message)
}

function toOutput(event: ServerEvent): StatsOutput {
  const body = parseSnapshot(event)
  return { body, toText: () => toSnapshotText(body) }
}

function parseSnapshot({ data }: ServerEvent): StatsSnapshotBody {
  try {
    const snapshot: StatsSnapshotBody = JSON.parse(data)
    return snapshot
  } catch (cause) {
    throw new ClientError('refused', 'The server sent a response that this client does not understand', { cause })
  }
}
