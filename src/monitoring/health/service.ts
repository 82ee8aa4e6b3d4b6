import type { Log } from '../../core/log.ts'
import type { DropletInformer } from '../../droplets/informer.ts'
import type { Database } from '../../store/database.ts'

/** A store that could not be written is tried again so often. */
const RETRY_INTERVAL_MS = 500

/** How this server is. What it serves, the droplets, have a health of their own (`droplets/health.ts`). */
export interface ServerHealth {
  /** `degraded` is worse than it should be, and mended by no restart of ours; `failed` is of no use to anybody. */
  status: 'ok' | 'degraded' | 'failed'
  engine: 'ok' | 'away'
  store: 'ok' | 'read-only' | 'unusable'
}

export type ServerHealthChecker = ReturnType<typeof createServerHealthChecker>

/**
 * Knows how the server is without asking anybody: whether the engine was heard of within the last second, and how the last
 * write to the store ended. The house is kept every 30 seconds, which is a write; after one that failed it is tried again at once and on.
 */
export function createServerHealthChecker(deps: {
  db: Pick<Database, 'watchWrites'>
  clock: { highWaterMark: () => number; saveHighWaterMark: () => Promise<void> }
  informer: Pick<DropletInformer, 'cachedList'>
  log: Log
}) {
  const { db, clock, informer, log } = deps
  let isWritable = true
  let retryTimer: ReturnType<typeof setTimeout> | undefined

  const stopWatching = db.watchWrites(({ outcome: result }) => {
    if (result === 'stored') onWriteSucceeded()
    else if (result === 'failed') onWriteFailed()
  })

  return {
    check(): ServerHealth {
      const store = storeStatus()
      const engine = informer.cachedList() ? 'ok' : 'away'
      if (store === 'unusable') return { status: 'failed', engine, store }
      return { status: store === 'ok' && engine === 'ok' ? 'ok' : 'degraded', engine, store }
    },

    close(): void {
      stopWatching()
      clearTimeout(retryTimer)
    },
  }

  function storeStatus(): ServerHealth['store'] {
    try {
      clock.highWaterMark()
    } catch {
      return 'unusable'
    }
    return isWritable ? 'ok' : 'read-only'
  }

  function onWriteSucceeded(): void {
    if (isWritable) return
    isWritable = true
    clearTimeout(retryTimer)
    log.info('the store can be written again')
  }

  function onWriteFailed(): void {
    // Told once: it may stay so for days.
    if (isWritable) log.warn('the store cannot be written')
    isWritable = false
    clearTimeout(retryTimer)
    // What becomes of it is heard as of every write.
    retryTimer = setTimeout(() => clock.saveHighWaterMark().catch(() => undefined), RETRY_INTERVAL_MS)
    retryTimer.unref()
  }
}
