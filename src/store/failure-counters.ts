import type { Database } from './database.ts'

/** Failure counters. Times are milliseconds since 1970. */
export interface ThrottleBucket {
  consecutive: number
  lockedUntil: number
  windowFailures: number
  windowStartsAt: number
  lastFailureAt: number
}

export type ThrottleBucketStore = ReturnType<typeof createThrottleBucketStore>

/** Failure counters and known login addresses. Changes must run inside `database.write`. */
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
  const selectKnownAddress = sql.query<{ at: number }, [string, string]>(
    'SELECT last_used_at AS at FROM known_addresses WHERE user_id = ? AND address = ?',
  )
  const upsertKnownAddress = sql.query<null, [string, string, number]>(
    'INSERT OR REPLACE INTO known_addresses (user_id, address, last_used_at) VALUES (?, ?, ?)',
  )
  const deleteOldestKnownAddresses = sql.query<null, [string, string, number]>(`
    DELETE FROM known_addresses WHERE user_id = ? AND address NOT IN
      (SELECT address FROM known_addresses WHERE user_id = ? ORDER BY last_used_at DESC LIMIT ?)`)

  const selectLockedCount = sql.query<{ count: number }, [string, string, number, number, number]>(`
    SELECT count(*) AS count FROM throttle_buckets
    WHERE bucket >= ? AND bucket < ? AND (locked_until > ? OR (window_failures >= ? AND window_starts_at > ?))`)
  const salt = sql.query<{ salt: Uint8Array }, []>('SELECT salt FROM throttle_salt').get()?.salt ?? new Uint8Array()

  return {
    /** Random key of this system for hashing usernames into buckets. */
    salt,

    find: (bucket: string): ThrottleBucket | undefined => selectOne.get(bucket) ?? undefined,

    save(bucket: string, counters: ThrottleBucket): void {
      const { consecutive, lockedUntil, windowFailures, windowStartsAt, lastFailureAt } = counters
      upsert.run(bucket, consecutive, lockedUntil, windowFailures, windowStartsAt, lastFailureAt)
    },

    remove: (bucket: string): void => void deleteOne.run(bucket),

    /** @param prefix ends in `:` */
    removeByPrefix: (prefix: string): void => void deleteRange.run(prefix, prefixEnd(prefix)),

    /** Counts the buckets with this prefix that are locked, or had `failures` in a window started after `since`. */
    countLocked: (prefix: string, now: number, failures: number, since: number): number =>
      selectLockedCount.get(prefix, prefixEnd(prefix), now, failures, since)?.count ?? 0,

    /** Removes all address buckets but the `count` with the latest failures. */
    retainNewestAddresses: (count: number): void => void deleteOldestAddresses.run(count),

    /** Undefined for an address from which the user has not logged in. */
    lastLoginAt: (userId: string, address: string): number | undefined => selectKnownAddress.get(userId, address)?.at,

    /** Stores a login address; retains the newest `maxAddresses` of the user. */
    recordLoginAddress(userId: string, address: string, now: number, maxAddresses: number): void {
      upsertKnownAddress.run(userId, address, now)
      deleteOldestKnownAddresses.run(userId, userId, maxAddresses)
    },
  }
}

/** Upper bound of the bucket names with this prefix: `;` is the character after `:`. */
function prefixEnd(prefix: string): string {
  return `${prefix.slice(0, -1)};`
}
