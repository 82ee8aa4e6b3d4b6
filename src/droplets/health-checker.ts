import { ApiError } from '../core/errors.ts'
import { createIntervals } from '../core/intervals.ts'
import { describeError, type Log } from '../core/log.ts'
import type { Droplet, DropletEngine, Health, ListedDroplet, Probe } from './engine.ts'
import type { DropletInformer, InformerChange } from './informer.ts'

/** After this long without an SSH banner a droplet is degraded, not booting. */
export const BOOT_TIMEOUT_MS = 120_000
/** Each probe costs the host some processes. */
const MAX_CONCURRENT_PROBES = 4
const MIN_INTERVAL_MS = 1_000
const MAX_INTERVAL_MS = 60_000
/** While booting, the interval grows with the age of the run. */
const INTERVAL_PER_AGE = 1 / 60
/** While booting, the interval is at least this many times the last probe's duration, so that probes do not load a busy host. */
const INTERVAL_PER_PROBE_DURATION = 10
/**
 * A change is often followed by another, such as a pause. Waiting avoids a probe that starts at the same moment, which
 * some engines cannot handle.
 */
const INITIAL_DELAY_MS = 500
/** After a failed probe, or one whose result needs confirmation. */
const RETRY_DELAY_MS = 5_000
const TICK_INTERVAL_MS = 250

/** A droplet from a start to the next stop. Times are those of the monotonic clock. */
interface HealthRun {
  id: string
  startedAt: number | undefined
  firstSeenAt: number
  dueAt: number
  isProbing: boolean
  health: Health | undefined
  isFlapping: boolean
}

/**
 * Probes the running droplets and records their health in the informer: soon after a start, often while booting, once a
 * minute when up, never while the engine is away.
 * @param now milliseconds since 1970
 * @param monotonic milliseconds since an arbitrary moment
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

    /** Probes the droplets that are due. Called periodically after `start`. */
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

  /** The informer reports no changes for its first synchronisation, so the list has to be read. */
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
    // The longest overdue first, so that slow droplets do not starve the others.
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
      // The informer already logs an unreachable engine. Anything else is logged once.
      if (!isFailing && !(error instanceof ApiError)) {
        isFailing = true
        log.error('droplets cannot be probed', { error: describeError(error) })
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
    // The engine's clock may be ahead of ours.
    const age = Math.max(at - run.firstSeenAt, run.startedAt === undefined ? 0 : now() - run.startedAt)
    const health = evaluateHealth(probe, age, run.health)
    // A busy host may miss one banner timeout, so a single failure is probed again. The init's own verdict is final.
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
 * @param previous the last known health in this run
 */
export function evaluateHealth({ init, sshResponds }: Probe, age: number, previous: Health | undefined): Health {
  if (init === 'booting' || init === 'degraded') return init
  if (sshResponds) return 'ready'
  // A droplet that was up in this run is no longer booting.
  return age < BOOT_TIMEOUT_MS && (previous ?? 'booting') === 'booting' ? 'booting' : 'degraded'
}

/**
 * The health of a droplet that was not probed yet.
 * @param now milliseconds since 1970
 */
export function assumedHealth({ state, startedAt }: Droplet, now: number): Health | undefined {
  return state === 'running' && startedAt !== undefined && now - startedAt < BOOT_TIMEOUT_MS ? 'booting' : undefined
}

function clampInterval(milliseconds: number): number {
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, milliseconds))
}

/** Spreads the probes over the interval: each droplet has its own slot, derived from its id. */
function msUntilSlot(id: string, at: number): number {
  const slotOffset = Bun.hash.crc32(id) % MAX_INTERVAL_MS
  return MAX_INTERVAL_MS - ((((at - slotOffset) % MAX_INTERVAL_MS) + MAX_INTERVAL_MS) % MAX_INTERVAL_MS)
}
