import { ApiError } from '../core/errors.ts'
import { createIntervals } from '../core/intervals.ts'
import { describeError, type Log } from '../core/log.ts'
import type { Droplet, DropletEngine, Health, ListedDroplet, Probe } from './engine.ts'
import type { DropletInformer, InformerChange } from './informer.ts'

/** How long a boot is given before a droplet that does not greet is not just booting any more. */
const BOOT_TIMEOUT_MS = 120_000
/** A look costs the host some processes. */
const MAX_CONCURRENT_PROBES = 4
const MIN_INTERVAL_MS = 1_000
const MAX_INTERVAL_MS = 60_000
/** One that boots is looked at again after so much of the time that it has taken already. */
const INTERVAL_PER_AGE = 1 / 60
/** And one in which a look takes long, after so many times that: on a busy host it is not the looks that keep it busy. */
const INTERVAL_PER_PROBE_DURATION = 10
/**
 * Who does one thing with a droplet may do the next at once, such as to pause it: it is not to be met by a look that just
 * begins, which not every engine can bear.
 */
const INITIAL_DELAY_MS = 500
/** When nothing was to be found out, or something that is not yet believed. */
const RETRY_DELAY_MS = 5_000
const TICK_INTERVAL_MS = 250

/** A droplet from its start to its stop. */
interface HealthRun {
  id: string
  startedAt: number | undefined
  /** As are all moments here, by the monotonic clock. */
  firstSeenAt: number
  dueAt: number
  isProbing: boolean
  health: Health | undefined
  isFlapping: boolean
}

export type HealthChecker = ReturnType<typeof createHealthChecker>

/**
 * Looks into the droplets that run, and notes in the live model how they are: soon after a start, often while they boot,
 * once a minute when they are up. While the engine is away, nothing is looked into.
 * @param now milliseconds since 1970
 * @param monotonic milliseconds since some moment
 */
export function createHealthChecker(deps: {
  engine: Pick<DropletEngine, 'probe'>
  informer: Pick<DropletInformer, 'list' | 'watch' | 'applyFacts'>
  monotonic: () => number
  now: () => number
  log: Log
}) {
  const { engine, informer, monotonic, now, log } = deps
  const runs = new Map<string, HealthRun>()
  let activeProbes = 0
  let isAway = false
  let hasListed = false
  let isFailing = false
  const intervals = createIntervals({ run: tick, everyMs: TICK_INTERVAL_MS })
  let unsubscribe: (() => void) | undefined

  return {
    start(): void {
      unsubscribe = informer.watch(onChange)
      intervals.start()
      loadDroplets()
    },

    /** Looks into what is due; it is called again and again from the start on. */
    tick,

    close(): void {
      intervals.stop()
      unsubscribe?.()
      unsubscribe = undefined
    },
  }

  function onChange(change: InformerChange): void {
    if (change.change === 'away') isAway = true
    else if (change.change === 'back') {
      isAway = false
      loadDroplets()
    } else if (change.change === 'removed') runs.delete(change.droplet.id)
    else track(change.droplet, INITIAL_DELAY_MS)
    tick()
  }

  /** What the first reading of all finds is not told. */
  function loadDroplets(): void {
    hasListed = true
    informer.list().then(
      droplets => {
        for (const droplet of droplets) track(droplet, 0)
        tick()
      },
      () => {
        hasListed = false
      },
    )
  }

  function track({ id, state, startedAt, health }: ListedDroplet, delay: number): void {
    if (state !== 'running') return void runs.delete(id)
    const run = runs.get(id)
    if (run && run.startedAt === startedAt) return
    const at = monotonic()
    runs.set(id, { id, startedAt, firstSeenAt: at, dueAt: at + delay, isProbing: false, health, isFlapping: false })
  }

  function tick(): void {
    if (unsubscribe === undefined || isAway) return
    if (!hasListed) loadDroplets()
    const due = [...runs.values()].filter(run => !run.isProbing && run.dueAt <= monotonic())
    // Who waits longest is next, so that none that takes its time keeps the others waiting for long.
    due.sort((left, right) => left.dueAt - right.dueAt)
    for (const run of due.slice(0, MAX_CONCURRENT_PROBES - activeProbes)) void runProbe(run)
  }

  async function runProbe(run: HealthRun): Promise<void> {
    const probeStartedAt = monotonic()
    run.isProbing = true
    activeProbes += 1
    try {
      applyProbe(run, await engine.probe(run.id), monotonic() - probeStartedAt)
      isFailing = false
    } catch (error) {
      run.dueAt = monotonic() + RETRY_DELAY_MS
      // An engine that cannot be reached is told of already; of anything else, once.
      if (!isFailing && !(error instanceof ApiError)) {
        isFailing = true
        log.error('droplets cannot be looked into', { error: describeError(error) })
      }
    } finally {
      run.isProbing = false
      activeProbes -= 1
      tick()
    }
  }

  function applyProbe(run: HealthRun, probe: Probe, durationMs: number): void {
    if (unsubscribe === undefined) return
    const at = monotonic()
    // The clock of the engine may be ahead of ours.
    const age = Math.max(at - run.firstSeenAt, run.startedAt === undefined ? 0 : now() - run.startedAt)
    const health = evaluateHealth(probe, age, run.health)
    // A busy host may take too long for a greeting once. What init says is no matter of time.
    run.isFlapping = run.health === 'ready' && health !== 'ready' && probe.init !== 'degraded' && !run.isFlapping
    if (run.isFlapping) {
      run.dueAt = at + RETRY_DELAY_MS
      return
    }
    run.health = health
    run.dueAt =
      at +
      (health === 'booting'
        ? clampInterval(Math.max(age * INTERVAL_PER_AGE, durationMs * INTERVAL_PER_PROBE_DURATION))
        : msUntilSlot(run.id, at))
    informer.applyFacts(run.id, run.startedAt, { health, hostKey: probe.hostKey })
  }
}

/**
 * @param age milliseconds since its start
 * @param previous what was known of it since then
 */
export function evaluateHealth({ init, sshResponds }: Probe, age: number, previous: Health | undefined): Health {
  if (init === 'booting' || init === 'degraded') return init
  if (sshResponds) return 'ready'
  // What was up once in this run is not on its way any more.
  return age < BOOT_TIMEOUT_MS && (previous ?? 'booting') === 'booting' ? 'booting' : 'degraded'
}

/**
 * What may be said of a droplet that was not looked into yet.
 * @param now milliseconds since 1970
 */
export function assumedHealth({ state, startedAt }: Droplet, now: number): Health | undefined {
  return state === 'running' && startedAt !== undefined && now - startedAt < BOOT_TIMEOUT_MS ? 'booting' : undefined
}

function clampInterval(milliseconds: number): number {
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, milliseconds))
}

/** Each has a moment of its own in the minute: they are not all looked into together, though all were at the beginning. */
function msUntilSlot(id: string, at: number): number {
  const slotOffset = Bun.hash.crc32(id) % MAX_INTERVAL_MS
  return MAX_INTERVAL_MS - ((((at - slotOffset) % MAX_INTERVAL_MS) + MAX_INTERVAL_MS) % MAX_INTERVAL_MS)
}
