import type { Log } from '../../core/log.ts'
import type { DropletInformer } from '../../droplets/informer.ts'
import type { Database } from '../../store/database.ts'

/** Retry interval after a failed write. */
const RETRY_INTERVAL_MS = 500

/** The health of this server. Droplets have their own (`droplets/health-checker.ts`). */
export interface ServerHealth {
  /** `degraded`: works in part, and a restart would not help; `failed`: cannot serve. */
  status: 'ok' | 'degraded' | 'failed'
  engine: 'ok' | 'away'
  store: 'ok' | 'read-only' | 'unusable'
}

export type ServerHealthChecker = ReturnType<typeof createServerHealthChecker>

/**
 * Answers from known state, without a request to the engine or the store's disk: whether the engine responded within
 * the last second, and how the last write ended. Maintenance writes every 30 seconds; a failed write is retried until one
 * succeeds.
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
    log.info('the store is writable again')
  }

  function onWriteFailed(): void {
    // Logged once: it may last for days.
    if (isWritable) log.warn('the store cannot be written')
    isWritable = false
    clearTimeout(retryTimer)
    // `watchWrites` reports the outcome.
    retryTimer = setTimeout(() => clock.saveHighWaterMark().catch(() => undefined), RETRY_INTERVAL_MS)
    retryTimer.unref()
  }
}
