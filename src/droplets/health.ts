import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import type { Droplet, DropletEngine, Health, ListedDroplet, Probe } from './engine.ts'
import type { LiveChange, LiveDroplets } from './live.ts'

/** How long a boot is given before a droplet that does not greet is not just booting any more. */
const BOOT_MS = 120_000
/** A look costs the host some processes. */
const AT_ONCE = 4
const SOONEST_MS = 1_000
const LATEST_MS = 60_000
/** One that boots is looked at again after so much of the time that it has taken already. */
const SHARE_OF_AGE = 1 / 60
/** And one in which a look takes long, after so many times that: on a busy host it is not the looks that keep it busy. */
const TIMES_OF_LOOK = 10
/**
 * Who does one thing with a droplet may do the next at once, such as to pause it: it is not to be met by a look that just
 * begins, which not every engine can bear.
 */
const FIRST_MS = 500
/** When nothing was to be found out, or something that is not yet believed. */
const AGAIN_MS = 5_000
const TURN_EVERY_MS = 250

/** A droplet from its start to its stop. */
interface Run {
  id: string
  startedAt: number | undefined
  /** As are all moments here, by the monotonic clock. */
  seenAt: number
  dueAt: number
  isLookedInto: boolean
  health: Health | undefined
  isDoubted: boolean
}

export type HealthWatch = ReturnType<typeof createHealthWatch>

/**
 * Looks into the droplets that run, and notes in the live model how they are: soon after a start, often while they boot,
 * once a minute when they are up. While the engine is away, nothing is looked into.
 * @param now milliseconds since 1970
 * @param monotonic milliseconds since some moment
 */
export function createHealthWatch(deps: {
  engine: Pick<DropletEngine, 'probe'>
  live: Pick<LiveDroplets, 'list' | 'watch' | 'note'>
  monotonic: () => number
  now: () => number
  log: Log
}) {
  const { engine, live, monotonic, now, log } = deps
  const runs = new Map<string, Run>()
  let looking = 0
  let isAway = false
  let isRead = false
  let isFailing = false
  let end: (() => void) | undefined

  return {
    start(): void {
      const unwatch = live.watch(heard)
      const timer = setInterval(turn, TURN_EVERY_MS)
      timer.unref()
      end = () => {
        clearInterval(timer)
        unwatch()
        end = undefined
      }
      read()
    },

    /** Looks into what is due; it is called again and again from the start on. */
    turn,

    close: (): void => end?.(),
  }

  function heard(change: LiveChange): void {
    if (change.change === 'away') isAway = true
    else if (change.change === 'back') {
      isAway = false
      read()
    } else if (change.change === 'removed') runs.delete(change.droplet.id)
    else follow(change.droplet, FIRST_MS)
    turn()
  }

  /** What the first reading of all finds is not told. */
  function read(): void {
    isRead = true
    live.list().then(
      droplets => {
        for (const droplet of droplets) follow(droplet, 0)
        turn()
      },
      () => {
        isRead = false
      },
    )
  }

  function follow({ id, state, startedAt, health }: ListedDroplet, delay: number): void {
    if (state !== 'running') return void runs.delete(id)
    const run = runs.get(id)
    if (run && run.startedAt === startedAt) return
    const at = monotonic()
    runs.set(id, { id, startedAt, seenAt: at, dueAt: at + delay, isLookedInto: false, health, isDoubted: false })
  }

  function turn(): void {
    if (end === undefined || isAway) return
    if (!isRead) read()
    const due = [...runs.values()].filter(run => !run.isLookedInto && run.dueAt <= monotonic())
    // Who waits longest is next, so that none that takes its time keeps the others waiting for long.
    due.sort((one, other) => one.dueAt - other.dueAt)
    for (const run of due.slice(0, AT_ONCE - looking)) void look(run)
  }

  async function look(run: Run): Promise<void> {
    const beganAt = monotonic()
    run.isLookedInto = true
    looking += 1
    try {
      settle(run, await engine.probe(run.id), monotonic() - beganAt)
      isFailing = false
    } catch (error) {
      run.dueAt = monotonic() + AGAIN_MS
      // An engine that cannot be reached is told of already; of anything else, once.
      if (!isFailing && !(error instanceof ApiError)) {
        isFailing = true
        log.error('droplets cannot be looked into', { error: describeError(error) })
      }
    } finally {
      run.isLookedInto = false
      looking -= 1
      turn()
    }
  }

  function settle(run: Run, probe: Probe, took: number): void {
    if (end === undefined) return
    const at = monotonic()
    // The clock of the engine may be ahead of ours.
    const age = Math.max(at - run.seenAt, run.startedAt === undefined ? 0 : now() - run.startedAt)
    const health = judge(probe, age, run.health)
    // A busy host may take too long for a greeting once. What init says is no matter of time.
    run.isDoubted = run.health === 'ready' && health !== 'ready' && probe.init !== 'degraded' && !run.isDoubted
    if (run.isDoubted) {
      run.dueAt = at + AGAIN_MS
      return
    }
    run.health = health
    run.dueAt =
      at + (health === 'booting' ? clamp(Math.max(age * SHARE_OF_AGE, took * TIMES_OF_LOOK)) : untilItsTurn(run.id, at))
    live.note(run.id, run.startedAt, { health, hostKey: probe.hostKey })
  }
}

/**
 * @param age milliseconds since its start
 * @param before what was known of it since then
 */
export function judge({ init, greets }: Probe, age: number, before: Health | undefined): Health {
  if (init === 'booting' || init === 'degraded') return init
  if (greets) return 'ready'
  // What was up once in this run is not on its way any more.
  return age < BOOT_MS && (before ?? 'booting') === 'booting' ? 'booting' : 'degraded'
}

/**
 * What may be said of a droplet that was not looked into yet.
 * @param now milliseconds since 1970
 */
export function assumedHealth({ state, startedAt }: Droplet, now: number): Health | undefined {
  return state === 'running' && startedAt !== undefined && now - startedAt < BOOT_MS ? 'booting' : undefined
}

function clamp(milliseconds: number): number {
  return Math.min(LATEST_MS, Math.max(SOONEST_MS, milliseconds))
}

/** Each has a moment of its own in the minute: they are not all looked into together, though all were at the beginning. */
function untilItsTurn(id: string, at: number): number {
  const own = Bun.hash.crc32(id) % LATEST_MS
  return LATEST_MS - ((((at - own) % LATEST_MS) + LATEST_MS) % LATEST_MS)
}
