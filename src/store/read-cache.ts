import type { Database } from './database.ts'

/**
 * Caches reads until the next commit of this or another process, so that a cached value is never staler than this turn
 * of the event loop. Missing values are not cached. Inside a transaction, use it only before the first change, since
 * uncommitted changes have no version.
 * @param limit entries; reaching it clears the cache, so that anonymous callers cannot exhaust the memory
 */
export function createReadCache<K, V>(db: Database, read: (key: K) => V | undefined, limit = 1_000) {
  const entries = new Map<K, V>()
  let version: number | undefined

  return (key: K): V | undefined => {
    // Before reading: the value is at least as new as this version.
    const currentVersion = db.version()
    if (currentVersion !== version || entries.size >= limit) {
      entries.clear()
      version = currentVersion
    }
    const cached = entries.get(key)
    if (cached !== undefined) return cached
    const value = read(key)
    if (value !== undefined) entries.set(key, value)
    return value
  }
}
