import { ApiError } from '../core/errors.ts'
import type { DropletCache, DropletChange } from './cache.ts'
import type { Droplet, DropletEngine, DropletEvent } from './engine.ts'

/** Cached state older than this is verified with a ping before it is served. */
const STALE_AFTER_MS = 1_000
/** Frequent pings keep the cache fresh, so that requests rarely wait for one. */
const PING_INTERVAL_MS = 400
/** A safety net: every change should already be known from its event. */
const RESYNC_INTERVAL_MS = 180_000

export type InformerSession = ReturnType<typeof createInformerSession>

/**
 * One connection to the engine: its event stream, inspections and pings. It ends with the first of them that fails, and
 * never becomes usable again. Until `goLive` it collects droplets without touching the cache.
 * @param monotonic milliseconds since an arbitrary moment
 * @param onChanges receives the differences from the cached state
 */
export function createInformerSession(deps: {
  engine: Pick<DropletEngine, 'list' | 'inspect' | 'events' | 'ping'>
  cache: DropletCache
  monotonic: () => number
  onChanges: (changes: DropletChange[]) => void
}) {
  const { engine, cache, monotonic, onChanges } = deps
  const controller = new AbortController()
  const { signal } = controller
  const inspections = createInspectionOrder()
  /** Rejects with the first failure. */
  const failure = Promise.withResolvers<never>()
  /** The droplets read so far while synchronising; undefined once live. */
  let staged: Map<string, Droplet> | undefined = new Map()
  let lastContactAt = monotonic()
  let pendingPing: Promise<void> | undefined

  return {
    /**
     * Subscribes to events, then reads every droplet. A ping must succeed as well: an engine that lists but does not
     * answer pings is not back.
     * @throws ApiError 918
     */
    async synchronise(): Promise<void> {
      try {
        // Subscribe before reading, so that changes made in the meantime are inspected again.
        const events = await engine.events(signal)
        consume(events).catch(failure.reject)
        await Promise.race([Promise.all([resync(), ping()]), failure.promise])
        signal.throwIfAborted()
      } catch (error) {
        close()
        throw error
      }
    },

    /**
     * Moves the droplets read so far into the cache and keeps it current from now on.
     * @param onFailure called once, when the connection fails
     * @returns their differences from the cached state
     */
    goLive(onFailure: (error: unknown) => void): DropletChange[] {
      const timers = [
        setInterval(() => ping().catch(failure.reject), PING_INTERVAL_MS),
        setInterval(() => resync().catch(failure.reject), RESYNC_INTERVAL_MS),
      ]
      for (const timer of timers) timer.unref()
      signal.addEventListener('abort', () => timers.forEach(clearInterval), { once: true })
      failure.promise.catch(error => {
        close()
        onFailure(error)
      })
      const changes = cache.replace([...(staged?.values() ?? [])])
      staged = undefined
      return changes
    },

    /** Whether the cached state can be served without asking the engine. */
    isFresh,

    /** @throws ApiError 918 when the engine does not answer a ping, or the session has ended */
    async ensureFresh(): Promise<void> {
      if (!isFresh()) await failingSession(ping())
      if (signal.aborted) throw new ApiError('engineUnavailable')
    },

    /** Inspects one droplet now. */
    refresh: (id: string): Promise<void> => failingSession(inspect(id)),

    close,
  }

  function isFresh(): boolean {
    return !signal.aborted && monotonic() - lastContactAt < STALE_AFTER_MS
  }

  function close(): void {
    controller.abort()
  }

  /** Ends the session when the work fails. */
  async function failingSession(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      failure.reject(error)
      throw error
    }
  }

  async function consume(events: AsyncIterable<DropletEvent>): Promise<never> {
    for await (const event of events) {
      lastContactAt = monotonic()
      applyEvent(event)
      inspect(event.id).catch(failure.reject)
    }
    throw new ApiError('engineUnavailable', { cause: new Error('The engine ended its event stream') })
  }

  /**
   * Applies an event before the inspection that it triggers: an engine may report a stopped droplet as
   * running for another 200 ms, while it tears the container down.
   */
  function applyEvent({ id, stopped, healthCheck }: DropletEvent): void {
    // While synchronising, the inspection must not be superseded: without it the droplet would be missing.
    if (staged || !(stopped || healthCheck)) return
    inspections.supersede(id)
    onChanges(stopped ? cache.markStopped(id, stopped) : cache.setHealthCheck(id, healthCheck))
  }

  async function inspect(id: string): Promise<void> {
    const ticket = inspections.start()
    const droplet = await engine.inspect(id)
    lastContactAt = monotonic()
    if (!inspections.accept(id, ticket) || signal.aborted) return
    if (!staged) onChanges(cache.set(id, droplet))
    else if (droplet) staged.set(id, droplet)
    else staged.delete(id)
  }

  /** Inspects every droplet that the engine lists, and every known one that it no longer lists. */
  async function resync(): Promise<void> {
    const listed = (await engine.list()).map(({ id }) => id)
    const known = staged?.keys() ?? cache.ids()
    await Promise.all([...new Set([...listed, ...known])].map(inspect))
  }

  function ping(): Promise<void> {
    pendingPing ??= engine
      .ping()
      .then(() => {
        lastContactAt = monotonic()
      })
      .finally(() => {
        pendingPing = undefined
      })
    return pendingPing
  }
}

/** Discards inspections that arrive out of order: responses may overtake each other. */
function createInspectionOrder() {
  const latestById = new Map<string, number>()
  let last = 0

  return {
    /** @returns the ticket of an inspection that starts now */
    start: (): number => ++last,

    /** Makes every inspection of this droplet that has already started obsolete. */
    supersede: (id: string): void => void latestById.set(id, ++last),

    /** @returns false when something newer is known of this droplet */
    accept(id: string, ticket: number): boolean {
      if ((latestById.get(id) ?? 0) > ticket) return false
      latestById.set(id, ticket)
      return true
    },
  }
}
