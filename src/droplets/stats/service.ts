import { encodeSseEvent, RETRY_FRAME } from '../../api/streams/sse-frame.ts'
import type { StreamEnd } from '../../api/streams/subscriber-stream.ts'
import { createBroadcaster } from '../../api/streams/subscribers.ts'
import type { AuthService } from '../../auth/service.ts'
import { createIntervals } from '../../core/intervals.ts'
import { describeError, type Log } from '../../core/log.ts'
import type { DropletEngine, ListedDroplet, Usage } from '../engine.ts'
import type { DropletInformer, InformerChange } from '../informer.ts'
import { SAMPLE_INTERVAL_SECONDS, type Sample, toSample } from './sample.ts'
import { toHistoryBody, toStatsSnapshot } from './to-body.ts'

const SAMPLE_INTERVAL_MS = SAMPLE_INTERVAL_SECONDS * 1000
/** An hour of them. */
const MAX_SAMPLES = 360
/** What a stream begins with: five minutes. */
const HISTORY_SAMPLES = 30
/** While somebody follows. */
const LIVE_INTERVAL_MS = 2_000
const TICK_INTERVAL_MS = 250
const HEARTBEAT_INTERVAL_MS = 15_000
/** An engine that reads them for one droplet after another takes some milliseconds for each. */
const MAX_CONCURRENT_REQUESTS = 8

/** From its start to its stop. */
interface UsageRun {
  startedAt: number | undefined
  lastUsage: Usage | undefined
  lastSampledUsage: Usage | undefined
}

export type StatsService = ReturnType<typeof createStatsService>

/**
 * What the droplets use: measured every 10 s and kept for an hour, in memory, and every 2 s for those who follow. While the
 * engine is away, nothing is measured.
 * @param monotonic milliseconds since some moment
 * @param now milliseconds since 1970
 */
export function createStatsService(deps: {
  engine: Pick<DropletEngine, 'usage'>
  informer: Pick<DropletInformer, 'cachedList' | 'watch'>
  auth: Pick<AuthService, 'userOfSession'>
  monotonic: () => number
  now: () => number
  log: Log
}) {
  const { engine, informer, auth, monotonic, now, log } = deps
  const broadcaster = createBroadcaster({ auth, log, name: 'stream of statistics' })
  /** By the id of a droplet. */
  const runs = new Map<string, UsageRun>()
  /** By the id of a droplet, oldest first. */
  const samplesById = new Map<string, Sample[]>()
  let measuredAt = Number.NEGATIVE_INFINITY
  let sampledAt = Number.NEGATIVE_INFINITY
  let measuring: Promise<void> | undefined
  let isFailing = false
  const unsubscribe = informer.watch(evictRemoved)
  const intervals = createIntervals(
    { run: tick, everyMs: TICK_INTERVAL_MS },
    { run: broadcaster.heartbeat, everyMs: HEARTBEAT_INTERVAL_MS },
  )

  return {
    /** Measures and sends heartbeats until `close`. */
    start: intervals.start,

    /** Measures when it is time to; it is called again and again from the start on. Resolves when that is done. */
    tick,

    /** Of a droplet, oldest first: of the last hour, as far as it was there and running. */
    samplesOf: (id: string): readonly Sample[] => samplesById.get(id) ?? [],

    /**
     * Begins with `history`, the last five minutes of each droplet; then comes `stats` every 2 s.
     * @param onEnd called when the stream is over
     * @throws ApiError as `Followers.open`
     */
    open(sessionId: string, onEnd: (reason: StreamEnd) => void): ReadableStream<Uint8Array> {
      return broadcaster.open(sessionId, () => [RETRY_FRAME, encodeSseEvent('history', historyBody())], onEnd)
    },

    /** Ends the streams whose session has ended. */
    checkSessions: broadcaster.checkSessions,

    close(): void {
      intervals.stop()
      unsubscribe()
      broadcaster.close()
    },
  }

  function evictRemoved(change: InformerChange): void {
    if (change.change !== 'removed') return
    runs.delete(change.droplet.id)
    samplesById.delete(change.droplet.id)
  }

  function tick(): Promise<void> {
    broadcaster.checkSessions()
    const at = monotonic()
    const shouldSample = at - sampledAt >= SAMPLE_INTERVAL_MS
    const shouldBroadcast = broadcaster.count() > 0 && at - measuredAt >= LIVE_INTERVAL_MS
    const droplets = informer.cachedList()
    if (!measuring && droplets && (shouldSample || shouldBroadcast)) {
      measuredAt = at
      if (shouldSample) sampledAt = at
      measuring = measure(droplets, shouldSample).finally(() => {
        measuring = undefined
      })
    }
    return measuring ?? Promise.resolve()
  }

  async function measure(droplets: readonly ListedDroplet[], shouldSample: boolean): Promise<void> {
    const at = now()
    const samples = new Map<string, Sample>()
    const pending = droplets.filter(({ state }) => state === 'running')
    let failure: unknown
    const worker = async () => {
      for (let droplet = pending.shift(); droplet; droplet = pending.shift()) {
        try {
          const sample = recordUsage(droplet, at, await engine.usage(droplet.id), shouldSample)
          if (sample) samples.set(droplet.name, sample)
        } catch (error) {
          // Of one droplet, it may be: the others are measured all the same.
          failure ??= error
        }
      }
    }
    await Promise.all(Array.from({ length: MAX_CONCURRENT_REQUESTS }, worker))
    logFailure(failure)
    if (broadcaster.count() > 0)
      broadcaster.broadcast(encodeSseEvent('stats', toStatsSnapshot(at, samples)), () => true)
  }

  /** Told once: it is tried again every few seconds, and the list says itself when the engine is away. */
  function logFailure(failure: unknown): void {
    if (failure && !isFailing) log.warn('what droplets use is not known', { error: describeError(failure) })
    isFailing = failure !== undefined
  }

  /** @returns how it is since the last time that it was measured; undefined the first time */
  function recordUsage({ id, startedAt }: ListedDroplet, at: number, usage: Usage | undefined, shouldSample: boolean) {
    // It may have gone while it was asked for.
    const stillExists = informer.cachedList()?.some(droplet => droplet.id === id)
    if (!usage || !stillExists) return void runs.delete(id)
    const previous = runs.get(id)
    const run = previous?.startedAt === startedAt ? previous : undefined
    const lastSampledUsage = shouldSample ? usage : (run?.lastSampledUsage ?? usage)
    runs.set(id, { startedAt, lastUsage: usage, lastSampledUsage })
    if (shouldSample && run?.lastSampledUsage) storeSample(id, toSample(at, run.lastSampledUsage, usage))
    return run?.lastUsage && toSample(at, run.lastUsage, usage)
  }

  function storeSample(id: string, sample: Sample): void {
    const samples = samplesById.get(id) ?? []
    samples.push(sample)
    if (samples.length > MAX_SAMPLES) samples.shift()
    samplesById.set(id, samples)
  }

  function historyBody() {
    const histories = (informer.cachedList() ?? []).map(
      ({ id, name }) => [name, (samplesById.get(id) ?? []).slice(-HISTORY_SAMPLES)] as const,
    )
    return toHistoryBody(new Map(histories.filter(([, samples]) => samples.length > 0)))
  }
}
