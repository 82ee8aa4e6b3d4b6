import type { Database } from './database.ts'

/**
 * Remembers what was read until anything is committed, by this process or by another one: the answer is what the
 * database would say at this turn of the event loop. What is not there is not remembered. Inside a transaction it is asked before anything is
 * changed, or not at all: what is not committed yet has no version of its own.
 * @param limit entries; when there are more, all are forgotten, so that strangers cannot fill the memory
 */
export function createReadCache<K, V>(db: Database, read: (key: K) => V | undefined, limit = 1_000) {
  const entries = new Map<K, V>()
  let version: number | undefined

  return (key: K): V | undefined => {
    // Asked before reading: what is read now is as new as this, or newer and then asked for again.
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
