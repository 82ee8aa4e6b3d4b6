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
/** One hour. */
const MAX_SAMPLES = 360
/** Sent first on a stream: five minutes. */
const HISTORY_SAMPLES = 30
/** Interval while there are subscribers. */
const LIVE_INTERVAL_MS = 2_000
const TICK_INTERVAL_MS = 250
const HEARTBEAT_INTERVAL_MS = 15_000
/** Reading the usage takes an engine some milliseconds per droplet. */
const MAX_CONCURRENT_REQUESTS = 8

/** A droplet from a start to the next stop. */
interface UsageRun {
  startedAt: number | undefined
  lastUsage: Usage | undefined
  lastSampledUsage: Usage | undefined
}

export type StatsService = ReturnType<typeof createStatsService>

/**
 * Resource usage of the droplets: sampled every 10 s and kept in memory for an hour, and measured every 2 s while there
 * are subscribers. Nothing is measured while the engine is away.
 * @param monotonic milliseconds since an arbitrary moment
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
  const broadcaster = createBroadcaster({ auth, log, name: 'stats stream' })
  /** Keyed by droplet id. */
  const runs = new Map<string, UsageRun>()
  /** Keyed by droplet id, oldest first. */
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

    /** Measures if it is due. Called periodically after `start`; resolves when the measurement is done. */
    tick,

    /** The samples of the last hour in which the droplet was running, oldest first. */
    samplesOf: (id: string): readonly Sample[] => samplesById.get(id) ?? [],

    /**
     * Sends `history`, the last five minutes of each droplet, then `stats` every 2 s.
     * @param onEnd called when the stream has ended
     * @throws ApiError as `Broadcaster.open`
     */
    open(sessionId: string, onEnd: (reason: StreamEnd) => void): ReadableStream<Uint8Array> {
      return broadcaster.open(sessionId, () => [RETRY_FRAME, encodeSseEvent('history', historyBody())], onEnd)
    },

    /** Ends the streams of ended sessions. */
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
          // It may concern one droplet only, so the others are measured anyway.
          failure ??= error
        }
      }
    }
    await Promise.all(Array.from({ length: MAX_CONCURRENT_REQUESTS }, worker))
    logFailure(failure)
    if (broadcaster.count() > 0)
      broadcaster.broadcast(encodeSseEvent('stats', toStatsSnapshot(at, samples)), () => true)
  }

  /** Logged once: it is retried every few seconds, and the informer logs an unreachable engine. */
  function logFailure(failure: unknown): void {
    if (failure && !isFailing)
      log.warn('the resource usage of droplets cannot be read', { error: describeError(failure) })
    isFailing = failure !== undefined
  }

  /** @returns usage since the previous measurement; undefined for the first one */
  function recordUsage({ id, startedAt }: ListedDroplet, at: number, usage: Usage | undefined, shouldSample: boolean) {
    // The droplet may have been removed in the meantime.
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
