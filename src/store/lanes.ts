import type { Database } from './database.ts'

/** The failures of one lane. Times are milliseconds since 1970. */
export interface LaneRecord {
  consecutive: number
  lockedUntil: number
  windowFailures: number
  windowStartsAt: number
  lastFailureAt: number
}

export type LaneStore = ReturnType<typeof createLaneStore>

/** Lanes of failures, and the addresses that users proved. Whatever changes them must run inside `database.write`. */
export function createLaneStore({ sql }: Database) {
  const one = sql.query<LaneRecord, [string]>(`
    SELECT consecutive, locked_until AS lockedUntil, window_failures AS windowFailures,
           window_starts_at AS windowStartsAt, last_failure_at AS lastFailureAt
    FROM lanes WHERE lane = ?`)
  const put = sql.query<null, [string, number, number, number, number, number]>(`
    INSERT OR REPLACE INTO lanes (lane, consecutive, locked_until, window_failures, window_starts_at, last_failure_at)
    VALUES (?, ?, ?, ?, ?, ?)`)
  const removeOne = sql.query<null, [string]>('DELETE FROM lanes WHERE lane = ?')
  const removeBelow = sql.query<null, [string, string]>('DELETE FROM lanes WHERE lane >= ? AND lane < ?')
  const removeBeyond = sql.query<null, [number]>(`
    DELETE FROM lanes WHERE lane IN
      (SELECT lane FROM lanes WHERE lane >= 'address:' AND lane < 'address;' ORDER BY last_failure_at DESC LIMIT -1 OFFSET ?)`)
  const proven = sql.query<{ at: number }, [string, string]>(
    'SELECT last_used_at AS at FROM proven_addresses WHERE user_id = ? AND address = ?',
  )
  const prove = sql.query<null, [string, string, number]>(
    'INSERT OR REPLACE INTO proven_addresses (user_id, address, last_used_at) VALUES (?, ?, ?)',
  )
  const forgetBeyond = sql.query<null, [string, string, number]>(`
    DELETE FROM proven_addresses WHERE user_id = ? AND address NOT IN
      (SELECT address FROM proven_addresses WHERE user_id = ? ORDER BY last_used_at DESC LIMIT ?)`)

  const countLocked = sql.query<{ count: number }, [string, string, number, number, number]>(`
    SELECT count(*) AS count FROM lanes
    WHERE lane >= ? AND lane < ? AND (locked_until > ? OR (window_failures >= ? AND window_starts_at > ?))`)
  const salt = sql.query<{ salt: Uint8Array }, []>('SELECT salt FROM bucket_salt').get()?.salt ?? new Uint8Array()

  return {
    /** What names fall into buckets by, in this system and no other. */
    salt,

    find: (lane: string): LaneRecord | undefined => one.get(lane) ?? undefined,

    put(lane: string, record: LaneRecord): void {
      const { consecutive, lockedUntil, windowFailures, windowStartsAt, lastFailureAt } = record
      put.run(lane, consecutive, lockedUntil, windowFailures, windowStartsAt, lastFailureAt)
    },

    remove: (lane: string): void => void removeOne.run(lane),

    /** All lanes whose name begins so. `prefix` ends in `:`. */
    removeBelow: (prefix: string): void => void removeBelow.run(prefix, endOf(prefix)),

    /** Of the lanes whose name begins so, those that are locked, or have had so many failures in a window that began since then. */
    countLocked: (prefix: string, now: number, failures: number, since: number): number =>
      countLocked.get(prefix, endOf(prefix), now, failures, since)?.count ?? 0,

    /** Of the addresses' lanes, keeps those that failed last. */
    keepNewestAddresses: (count: number): void => void removeBeyond.run(count),

    /** When the user logged in from there last, as far as that was noted; undefined for an address it never proved. */
    provenAt: (userId: string, address: string): number | undefined => proven.get(userId, address)?.at,

    /** Remembers from where a user logged in, the `keep` newest. */
    prove(userId: string, address: string, now: number, keep: number): void {
      prove.run(userId, address, now)
      forgetBeyond.run(userId, userId, keep)
    },
  }
}

/** The names that begin so come before this one: after `:`, `;` is the next character. */
function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)};`
}
