import { ApiError } from '../core/errors.ts'
import { describeError, type Log } from '../core/log.ts'
import { createDropletCache, type DropletChange, type ProbeFacts } from './cache.ts'
import type { Droplet, DropletEngine, DropletEvent, ListedDroplet } from './engine.ts'

/** What was not heard of for so long is asked before it is believed. */
const STALE_AFTER_MS = 1_000
/** So often the engine is asked whether it is there, so that nobody has to wait for that. */
const PING_INTERVAL_MS = 400
const RECONNECT_DELAY_MS = 500
/** Who asks is answered within 3 seconds, even when it takes an engine longer than that to be reached. */
const LIST_TIMEOUT_MS = 2_500
/** A check: nothing should be found that no event told of. */
const RESYNC_INTERVAL_MS = 180_000

export type DropletInformer = ReturnType<typeof createDropletInformer>

/** What a watcher is told: of a droplet, or of the engine that tells of all of them. */
export type InformerChange = DropletChange | { change: 'away' } | { change: 'back' }

/** The engine, since it was reached last. */
interface Connection {
  /** Whether the engine was heard of just now. */
  isFresh(): boolean
  /** Resolves when it is so. */
  ensureFresh(): Promise<void>
  refresh(id: string): Promise<void>
  close(): void
}

/**
 * The droplets of the host as they are now, in memory: read once, and again whatever the engine tells of. While it is
 * away nothing is shown, and what was missed meanwhile is read when it is back.
 * @param monotonic milliseconds since some moment
 */
export function createDropletInformer(deps: { engine: DropletEngine; monotonic: () => number; log: Log }) {
  const { engine, monotonic, log } = deps
  const closing = new AbortController()
  const cache = createDropletCache()
  const listeners = new Set<(change: InformerChange) => void>()
  let connection: Promise<Connection> | undefined
  /** The last one that was there: whether it still is, it says itself. */
  let current: Connection | undefined
  let isAway = false
  let reconnectTimer: ReturnType<typeof setTimeout> | undefined

  return {
    /**
     * Newest first; the same list as long as nothing changes.
     * @throws ApiError 918 while the engine is away
     */
    async list(): Promise<readonly ListedDroplet[]> {
      return cachedList() ?? (await withTimeout(freshList()))
    },

    /** The same without waiting; undefined when the engine has to be asked first. */
    cachedList,

    /**
     * Tells what changes from now on, as soon as it is known here, and nothing of a look that found all as it was.
     * When the engine is `back`, what was missed is told after that. What the first reading of all finds is no change.
     * @returns ends it
     */
    watch(listener: (change: InformerChange) => void): () => void {
      // Of its own, so that one listener can watch twice.
      const ownListener = (change: InformerChange) => listener(change)
      listeners.add(ownListener)
      return () => void listeners.delete(ownListener)
    },

    /**
     * What was found within a droplet that was started at that moment. If it was stopped or started anew since, or
     * is gone, that is no news of it.
     */
    applyFacts(id: string, startedAt: number | undefined, facts: ProbeFacts): void {
      notify(cache.applyFacts(id, startedAt, facts))
    },

    /** Looks at a droplet at once, when it was changed by ourselves: the event may come later than the answer. */
    async refresh(id: string): Promise<void> {
      await (await ensureConnected()).refresh(id)
    },

    /** Reaches for the engine, and again whenever it is away. */
    start: (): void => void ensureConnected().catch(() => undefined),

    async close(): Promise<void> {
      closing.abort()
      clearTimeout(reconnectTimer)
      const lastConnection = await connection?.catch(() => undefined)
      lastConnection?.close()
    },
  }

  function cachedList(): readonly ListedDroplet[] | undefined {
    return current?.isFresh() ? cache.list() : undefined
  }

  async function freshList(): Promise<readonly ListedDroplet[]> {
    const { ensureFresh } = await ensureConnected()
    await ensureFresh()
    return cache.list()
  }

  function notify(changes: readonly InformerChange[]): void {
    for (const change of changes) {
      for (const listener of listeners) {
        try {
          listener(change)
        } catch (error) {
          // What is known is right all the same, and the others are told.
          log.error('a watcher of the droplets failed', { error: describeError(error) })
        }
      }
    }
  }

  function ensureConnected(): Promise<Connection> {
    connection ??= connect().then(
      newConnection => {
        current = newConnection
        return newConnection
      },
      error => {
        onDisconnect(error)
        throw error
      },
    )
    return connection
  }

  function onDisconnect(error: unknown): void {
    connection = undefined
    if (closing.signal.aborted) return
    // Told once: an engine may be away for days.
    if (!isAway) {
      log.warn('the engine is away', { error: describeError(error) })
      isAway = true
      notify([{ change: 'away' }])
    }
    scheduleReconnect()
  }

  function scheduleReconnect(): void {
    if (closing.signal.aborted) return
    clearTimeout(reconnectTimer)
    reconnectTimer = setTimeout(() => ensureConnected().catch(() => undefined), RECONNECT_DELAY_MS)
    reconnectTimer.unref()
  }

  async function connect(): Promise<Connection> {
    const controller = new AbortController()
    const signal = AbortSignal.any([controller.signal, closing.signal])
    /** What is found until all of it is; undefined from then on. */
    let initialDroplets: Map<string, Droplet> | undefined = new Map()
    /** By the id of a droplet, the newest look that was taken: answers may come in another order than they were asked. */
    const latestRefreshes = new Map<string, number>()
    let refreshCount = 0
    let lastHeardAt = monotonic()
    let pendingPing: Promise<void> | undefined
    const isFresh = () => !controller.signal.aborted && monotonic() - lastHeardAt < STALE_AFTER_MS

    const refresh = async (id: string): Promise<void> => {
      refreshCount += 1
      const sequence = refreshCount
      const droplet = await engine.inspect(id)
      lastHeardAt = monotonic()
      if ((latestRefreshes.get(id) ?? 0) > sequence) return
      latestRefreshes.set(id, sequence)
      if (signal.aborted) return
      if (!initialDroplets) notify(cache.set(id, droplet))
      else if (droplet) initialDroplets.set(id, droplet)
      else initialDroplets.delete(id)
    }

    /**
     * What an event says itself counts before the look that it gives rise to: that takes a moment, and an engine may answer for
     * a droplet that has stopped only when all that it had is taken down, a fifth of a second later.
     */
    const applyEvent = ({ id, stopped, healthCheck }: DropletEvent): void => {
      // While all are read nothing stands in for the look that is taken then: without it the droplet would be missing.
      if (initialDroplets || !(stopped || healthCheck)) return
      refreshCount += 1
      latestRefreshes.set(id, refreshCount)
      notify(stopped ? cache.markStopped(id, stopped) : cache.setHealthCheck(id, healthCheck))
    }

    const resync = async (): Promise<void> => {
      const ids = new Set((await engine.list()).map(({ id }) => id))
      await Promise.all(
        [...ids, ...[...(initialDroplets?.keys() ?? cache.ids())].filter(id => !ids.has(id))].map(refresh),
      )
    }

    const ping = (): Promise<void> => {
      pendingPing ??= engine
        .ping()
        .then(() => {
          lastHeardAt = monotonic()
        })
        .finally(() => {
          pendingPing = undefined
        })
      return pendingPing
    }

    // Heard from before the first reading on: what happens in between is looked at once more.
    const events = await engine.events(signal)
    /** Rejects with the first that goes wrong. */
    const failure = Promise.withResolvers<never>()
    const fail = failure.reject
    const consumeEvents = async () => {
      for await (const event of events) {
        lastHeardAt = monotonic()
        applyEvent(event)
        refresh(event.id).catch(fail)
      }
      throw new ApiError('engineUnavailable', { cause: new Error('The engine ended its stream of events') })
    }
    consumeEvents().catch(fail)
    try {
      // Pinged at once, too: it is not back before it answers all that it is asked from now on, and its stream lasts.
      await Promise.race([Promise.all([resync(), ping()]), failure.promise])
      signal.throwIfAborted()
    } catch (error) {
      controller.abort()
      throw error
    }
    failure.promise.catch(error => {
      controller.abort()
      onDisconnect(error)
    })
    const failOnError = async (work: Promise<void>) => {
      try {
        await work
      } catch (error) {
        fail(error)
        throw error
      }
    }
    const timers = [
      setInterval(() => ping().catch(fail), PING_INTERVAL_MS),
      setInterval(() => resync().catch(fail), RESYNC_INTERVAL_MS),
    ]
    for (const interval of timers) interval.unref()
    signal.addEventListener('abort', () => timers.forEach(clearInterval), { once: true })
    const changes: InformerChange[] = cache.replace([...initialDroplets.values()])
    initialDroplets = undefined
    if (isAway) {
      log.info('the engine is back', { droplets: cache.ids().length })
      isAway = false
      changes.unshift({ change: 'back' })
    }
    notify(changes)

    return {
      isFresh,
      refresh: id => failOnError(refresh(id)),
      async ensureFresh() {
        if (!isFresh()) await failOnError(ping())
        if (controller.signal.aborted) throw new ApiError('engineUnavailable')
      },
      close: () => controller.abort(),
    }
  }
}

async function withTimeout<T>(work: Promise<T>): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(new ApiError('engineUnavailable')), LIST_TIMEOUT_MS)
  try {
    return await Promise.race([work, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}
