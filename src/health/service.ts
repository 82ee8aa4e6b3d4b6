import type { LiveDroplets } from '../droplets/live.ts'
import type { Log } from '../log.ts'
import type { Database } from '../store/database.ts'

/** A store that could not be written is tried again so often. */
const TRY_EVERY_MS = 500

/** How this server is. What it serves, the droplets, have a health of their own (`droplets/health.ts`). */
export interface ServerHealth {
  /** `degraded` is worse than it should be, and mended by no restart of ours; `failed` is of no use to anybody. */
  status: 'ok' | 'degraded' | 'failed'
  engine: 'ok' | 'away'
  store: 'ok' | 'read-only' | 'unusable'
}

export type ServerHealthWatch = ReturnType<typeof createServerHealth>

/**
 * Knows how the server is without asking anybody: whether the engine was heard of within the last second, and how the last
 * write to the store ended. The house is kept every 30 seconds, which is a write; after one that failed it is tried again at once and on.
 */
export function createServerHealth(deps: {
  db: Pick<Database, 'watchWrites'>
  clock: { noted: () => number; note: () => Promise<void> }
  live: Pick<LiveDroplets, 'listNow'>
  log: Log
}) {
  const { db, clock, live, log } = deps
  let isWritable = true
  let timer: ReturnType<typeof setTimeout> | undefined

  const unwatch = db.watchWrites(({ how }) => {
    if (how === 'stored') recover()
    else if (how === 'failed') fail()
  })

  return {
    look(): ServerHealth {
      const store = storeNow()
      const engine = live.listNow() ? 'ok' : 'away'
      if (store === 'unusable') return { status: 'failed', engine, store }
      return { status: store === 'ok' && engine === 'ok' ? 'ok' : 'degraded', engine, store }
    },

    close(): void {
      unwatch()
      clearTimeout(timer)
    },
  }

  function storeNow(): ServerHealth['store'] {
    try {
      clock.noted()
    } catch {
      return 'unusable'
    }
    return isWritable ? 'ok' : 'read-only'
  }

  function recover(): void {
    if (isWritable) return
    isWritable = true
    clearTimeout(timer)
    log.info('the store can be written again')
  }

  function fail(): void {
    // Told once: it may stay so for days.
    if (isWritable) log.warn('the store cannot be written')
    isWritable = false
    clearTimeout(timer)
    // What becomes of it is heard as of every write.
    timer = setTimeout(() => clock.note().catch(() => undefined), TRY_EVERY_MS)
    timer.unref()
  }
}
