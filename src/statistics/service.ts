import type { AuthService } from '../auth/service.ts'
import type { DropletEngine, ListedDroplet, Usage } from '../droplets/engine.ts'
import type { LiveChange, LiveDroplets } from '../droplets/live.ts'
import { describeError, type Log } from '../log.ts'
import { createFollowers } from '../streams/followers.ts'
import { frame, RETRY } from '../streams/frame.ts'
import type { ReaderEnd } from '../streams/reader.ts'
import { toHistory, toMoment } from './model.ts'
import { KEPT_EVERY_SECONDS, type Sample, toSample } from './sample.ts'

const KEPT_EVERY_MS = KEPT_EVERY_SECONDS * 1000
/** An hour of them. */
const KEPT = 360
/** What a stream begins with: five minutes. */
const TOLD = 30
/** While somebody follows. */
const FOLLOWED_EVERY_MS = 2_000
const TURN_EVERY_MS = 250
const BEAT_EVERY_MS = 15_000
/** An engine that reads them for one droplet after another takes some milliseconds for each. */
const AT_ONCE = 8

/** From its start to its stop. */
interface Run {
  startedAt: number | undefined
  last: Usage | undefined
  lastKept: Usage | undefined
}

export type StatisticsService = ReturnType<typeof createStatisticsService>

/**
 * What the droplets use: measured every 10 s and kept for an hour, in memory, and every 2 s for those who follow. While the
 * engine is away, nothing is measured.
 * @param monotonic milliseconds since some moment
 * @param now milliseconds since 1970
 */
export function createStatisticsService(deps: {
  engine: Pick<DropletEngine, 'usage'>
  live: Pick<LiveDroplets, 'listNow' | 'watch'>
  auth: Pick<AuthService, 'holderOf'>
  monotonic: () => number
  now: () => number
  log: Log
}) {
  const { engine, live, auth, monotonic, now, log } = deps
  const followers = createFollowers({ auth, log, name: 'stream of statistics' })
  /** By the id of a droplet. */
  const runs = new Map<string, Run>()
  /** By the id of a droplet, oldest first. */
  const kept = new Map<string, Sample[]>()
  let measuredAt = Number.NEGATIVE_INFINITY
  let keptAt = Number.NEGATIVE_INFINITY
  let round: Promise<void> | undefined
  let isFailing = false
  let end: (() => void) | undefined

  return {
    start(): void {
      const unwatch = live.watch(forgetGone)
      const timers = [setInterval(turn, TURN_EVERY_MS), setInterval(followers.beat, BEAT_EVERY_MS)]
      for (const timer of timers) timer.unref()
      end = () => {
        timers.forEach(clearInterval)
        unwatch()
        end = undefined
      }
    },

    /** Measures when it is time to; it is called again and again from the start on. Resolves when that is done. */
    turn,

    /** Of a droplet, oldest first: of the last hour, as far as it was there and running. */
    samplesOf: (id: string): readonly Sample[] => kept.get(id) ?? [],

    /**
     * Begins with `history`, the last five minutes of each droplet; then comes `stats` every 2 s.
     * @param over called when the stream is over
     * @throws ApiError as `Followers.open`
     */
    open(sessionId: string, over: (how: ReaderEnd) => void): ReadableStream<Uint8Array> {
      return followers.open(sessionId, () => [RETRY, frame('history', history())], over)
    },

    /** Ends the streams whose session has ended. */
    look: followers.look,

    close(): void {
      end?.()
      followers.close()
    },
  }

  function forgetGone(change: LiveChange): void {
    if (change.change !== 'removed') return
    runs.delete(change.droplet.id)
    kept.delete(change.droplet.id)
  }

  function turn(): Promise<void> {
    followers.look()
    const at = monotonic()
    const isToKeep = at - keptAt >= KEPT_EVERY_MS
    const isToTell = followers.count() > 0 && at - measuredAt >= FOLLOWED_EVERY_MS
    const droplets = live.listNow()
    if (!round && droplets && (isToKeep || isToTell)) {
      measuredAt = at
      if (isToKeep) keptAt = at
      round = measure(droplets, isToKeep).finally(() => {
        round = undefined
      })
    }
    return round ?? Promise.resolve()
  }

  async function measure(droplets: readonly ListedDroplet[], isToKeep: boolean): Promise<void> {
    const at = now()
    const samples = new Map<string, Sample>()
    const waiting = droplets.filter(({ state }) => state === 'running')
    let failure: unknown
    const work = async () => {
      for (let droplet = waiting.shift(); droplet; droplet = waiting.shift()) {
        try {
          const sample = take(droplet, at, await engine.usage(droplet.id), isToKeep)
          if (sample) samples.set(droplet.name, sample)
        } catch (error) {
          // Of one droplet, it may be: the others are measured all the same.
          failure ??= error
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    tellFailure(failure)
    if (followers.count() > 0) followers.tell(frame('stats', toMoment(at, samples)), () => true)
  }

  /** Told once: it is tried again every few seconds, and the list says itself when the engine is away. */
  function tellFailure(failure: unknown): void {
    if (failure && !isFailing) log.warn('what droplets use is not known', { error: describeError(failure) })
    isFailing = failure !== undefined
  }

  /** @returns how it is since the last time that it was measured; undefined the first time */
  function take({ id, startedAt }: ListedDroplet, at: number, usage: Usage | undefined, isToKeep: boolean) {
    // It may have gone while it was asked for.
    const isThere = live.listNow()?.some(droplet => droplet.id === id)
    if (!usage || !isThere) return void runs.delete(id)
    const before = runs.get(id)
    const run = before?.startedAt === startedAt ? before : undefined
    const lastKept = isToKeep ? usage : (run?.lastKept ?? usage)
    runs.set(id, { startedAt, last: usage, lastKept })
    if (isToKeep && run?.lastKept) keep(id, toSample(at, run.lastKept, usage))
    return run?.last && toSample(at, run.last, usage)
  }

  function keep(id: string, sample: Sample): void {
    const samples = kept.get(id) ?? []
    samples.push(sample)
    if (samples.length > KEPT) samples.shift()
    kept.set(id, samples)
  }

  function history() {
    const known = (live.listNow() ?? []).map(({ id, name }) => [name, (kept.get(id) ?? []).slice(-TOLD)] as const)
    return toHistory(new Map(known.filter(([, samples]) => samples.length > 0)))
  }
}
