import type { Database } from './database.ts'

/** The failures of one lane. Times are milliseconds since 1970. */
export interface ThrottleBucket {
  consecutive: number
  lockedUntil: number
  windowFailures: number
  windowStartsAt: number
  lastFailureAt: number
}

export type ThrottleBucketStore = ReturnType<typeof createThrottleBucketStore>

/** Lanes of failures, and the addresses that users proved. Whatever changes them must run inside `database.write`. */
export function createThrottleBucketStore({ sql }: Database) {
  const selectOne = sql.query<ThrottleBucket, [string]>(`
    SELECT consecutive, locked_until AS lockedUntil, window_failures AS windowFailures,
           window_starts_at AS windowStartsAt, last_failure_at AS lastFailureAt
    FROM throttle_buckets WHERE bucket = ?`)
  const upsert = sql.query<null, [string, number, number, number, number, number]>(`
    INSERT OR REPLACE INTO throttle_buckets (bucket, consecutive, locked_until, window_failures, window_starts_at, last_failure_at)
    VALUES (?, ?, ?, ?, ?, ?)`)
  const deleteOne = sql.query<null, [string]>('DELETE FROM throttle_buckets WHERE bucket = ?')
  const deleteRange = sql.query<null, [string, string]>('DELETE FROM throttle_buckets WHERE bucket >= ? AND bucket < ?')
  const deleteOldestAddresses = sql.query<null, [number]>(`
    DELETE FROM throttle_buckets WHERE bucket IN
      (SELECT bucket FROM throttle_buckets WHERE bucket >= 'address:' AND bucket < 'address;' ORDER BY last_failure_at DESC LIMIT -1 OFFSET ?)`)
  const selectProvenAddress = sql.query<{ at: number }, [string, string]>(
    'SELECT last_used_at AS at FROM known_addresses WHERE user_id = ? AND address = ?',
  )
  const upsertProvenAddress = sql.query<null, [string, string, number]>(
    'INSERT OR REPLACE INTO known_addresses (user_id, address, last_used_at) VALUES (?, ?, ?)',
  )
  const deleteOldestProvenAddresses = sql.query<null, [string, string, number]>(`
    DELETE FROM known_addresses WHERE user_id = ? AND address NOT IN
      (SELECT address FROM known_addresses WHERE user_id = ? ORDER BY last_used_at DESC LIMIT ?)`)

  const selectLockedCount = sql.query<{ count: number }, [string, string, number, number, number]>(`
    SELECT count(*) AS count FROM throttle_buckets
    WHERE bucket >= ? AND bucket < ? AND (locked_until > ? OR (window_failures >= ? AND window_starts_at > ?))`)
  const salt = sql.query<{ salt: Uint8Array }, []>('SELECT salt FROM throttle_salt').get()?.salt ?? new Uint8Array()

  return {
    /** What names fall into buckets by, in this system and no other. */
    salt,

    find: (bucket: string): ThrottleBucket | undefined => selectOne.get(bucket) ?? undefined,

    save(bucket: string, counters: ThrottleBucket): void {
      const { consecutive, lockedUntil, windowFailures, windowStartsAt, lastFailureAt } = counters
      upsert.run(bucket, consecutive, lockedUntil, windowFailures, windowStartsAt, lastFailureAt)
    },

    remove: (bucket: string): void => void deleteOne.run(bucket),

    /** All lanes whose name begins so. `prefix` ends in `:`. */
    removeByPrefix: (prefix: string): void => void deleteRange.run(prefix, prefixEnd(prefix)),

    /** Of the lanes whose name begins so, those that are locked, or have had so many failures in a window that began since then. */
    countLocked: (prefix: string, now: number, failures: number, since: number): number =>
      selectLockedCount.get(prefix, prefixEnd(prefix), now, failures, since)?.count ?? 0,

    /** Of the addresses' lanes, keeps those that failed last. */
    retainNewestAddresses: (count: number): void => void deleteOldestAddresses.run(count),

    /** When the user logged in from there last, as far as that was noted; undefined for an address it never proved. */
    lastLoginAt: (userId: string, address: string): number | undefined => selectProvenAddress.get(userId, address)?.at,

    /** Remembers from where a user logged in, the `keep` newest. */
    recordLoginAddress(userId: string, address: string, now: number, maxAddresses: number): void {
      upsertProvenAddress.run(userId, address, now)
      deleteOldestProvenAddresses.run(userId, userId, maxAddresses)
    },
  }
}

/** The names that begin so come before this one: after `:`, `;` is the next character. */
function prefixEnd(prefix: string): string {
  return `${prefix.slice(0, -1)};`
}
