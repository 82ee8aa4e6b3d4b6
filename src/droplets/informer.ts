import { ApiError } from '../core/errors.ts'
import { createListeners } from '../core/listeners.ts'
import { describeError, type Log } from '../core/log.ts'
import { timedOut, withTimeout } from '../core/timeout.ts'
import { createDropletCache, type DropletChange, type ProbeFacts } from './cache.ts'
import type { DropletEngine, ListedDroplet } from './engine.ts'
import { createInformerSession, type InformerSession } from './informer-session.ts'

const RECONNECT_DELAY_MS = 500
/** A request is answered within 3 seconds, even if reaching the engine takes longer. */
const LIST_TIMEOUT_MS = 2_500

export type DropletInformer = ReturnType<typeof createDropletInformer>

/** A change of a droplet, or of the connection to the engine. */
export type InformerChange = DropletChange | { change: 'away' } | { change: 'back' }

type State =
  /** Not connected; after a failure the reconnect timer is running. */
  | { phase: 'disconnected' }
  /** Connecting and reading every droplet. */
  | { phase: 'synchronising'; result: Promise<InformerSession>; abort: () => void }
  | { phase: 'live'; session: InformerSession }
  | { phase: 'closed' }

/**
 * An in-memory model of the host's droplets: read once, then kept current by the engine's events. While the engine is
 * away there is no list; changes missed in the meantime are reported when it is back.
 * @param monotonic milliseconds since an arbitrary moment
 */
export function createDropletInformer(deps: { engine: DropletEngine; monotonic: () => number; log: Log }) {
  const { engine, monotonic, log } = deps
  const cache = createDropletCache()
  const listeners = createListeners<InformerChange>(log, 'a droplet change listener failed')
  let state: State = { phase: 'disconnected' }
  let isAway = false
  let reconnectTimer: ReturnType<typeof setTimeout> | undefined

  return {
    /**
     * Newest first; the same array as long as nothing changes.
     * @throws ApiError 918 while the engine is away
     */
    async list(): Promise<readonly ListedDroplet[]> {
      const droplets = cachedList() ?? (await withTimeout(freshList(), LIST_TIMEOUT_MS))
      if (droplets === timedOut) throw new ApiError('engineUnavailable')
      return droplets
    },

    /** The list without waiting; undefined if that needs a request to the engine. */
    cachedList,

    /**
     * Subscribes to changes. The first synchronisation reports none, and an inspection that finds no difference reports
     * none. After `back` come the changes that were missed.
     * @returns unsubscribes
     */
    watch: listeners.add,

    /** Records probe results for the run that started at `startedAt`; ignored if that run has ended since. */
    applyFacts(id: string, startedAt: number | undefined, facts: ProbeFacts): void {
      notify(cache.applyFacts(id, startedAt, facts))
    },

    /**
     * Inspects a droplet now: after a change of our own, its event may arrive later than our response.
     * @throws ApiError 918
     */
    async refresh(id: string): Promise<void> {
      await (await liveSession()).refresh(id)
    },

    /** Connects to the engine, and reconnects whenever it is away. */
    start: connectInBackground,

    async close(): Promise<void> {
      const previous = state
      state = { phase: 'closed' }
      clearTimeout(reconnectTimer)
      if (previous.phase === 'live') previous.session.close()
      if (previous.phase !== 'synchronising') return
      previous.abort()
      await previous.result.catch(() => undefined)
    },
  }

  function cachedList(): readonly ListedDroplet[] | undefined {
    return state.phase === 'live' && state.session.isFresh() ? cache.list() : undefined
  }

  async function freshList(): Promise<readonly ListedDroplet[]> {
    const session = await liveSession()
    await session.ensureFresh()
    return cache.list()
  }

  /** Connects first if there is no connection. */
  async function liveSession(): Promise<InformerSession> {
    switch (state.phase) {
      case 'live':
        return state.session
      case 'synchronising':
        return await state.result
      case 'disconnected':
        return await connect()
      case 'closed':
        throw new ApiError('engineUnavailable')
    }
  }

  function connectInBackground(): void {
    liveSession().catch(() => undefined)
  }

  /** disconnected -> synchronising */
  function connect(): Promise<InformerSession> {
    clearTimeout(reconnectTimer)
    const session = createInformerSession({ engine, cache, monotonic, onChanges: notify })
    const result = session.synchronise().then(
      () => onSynchronised(session),
      error => {
        onDisconnected(error)
        throw error
      },
    )
    state = { phase: 'synchronising', result, abort: session.close }
    return result
  }

  /** synchronising -> live */
  function onSynchronised(session: InformerSession): InformerSession {
    if (state.phase === 'closed') {
      session.close()
      throw new ApiError('engineUnavailable')
    }
    state = { phase: 'live', session }
    const changes: InformerChange[] = session.goLive(onDisconnected)
    if (isAway) {
      isAway = false
      log.info('the engine is back', { droplets: cache.ids().length })
      changes.unshift({ change: 'back' })
    }
    notify(changes)
    return session
  }

  /** synchronising or live -> disconnected, with a reconnect after a delay */
  function onDisconnected(error: unknown): void {
    if (state.phase === 'closed') return
    state = { phase: 'disconnected' }
    // Reported once: an engine may be away for days.
    if (!isAway) {
      isAway = true
      log.warn('the engine is away', { error: describeError(error) })
      notify([{ change: 'away' }])
    }
    clearTimeout(reconnectTimer)
    reconnectTimer = setTimeout(connectInBackground, RECONNECT_DELAY_MS)
    reconnectTimer.unref()
  }

  function notify(changes: readonly InformerChange[]): void {
    for (const change of changes) listeners.notify(change)
  }
}
