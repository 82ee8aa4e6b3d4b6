import type { Database } from './database.ts'

/** An action or a denial. Texts contain no control characters. */
export interface AuditEntry {
  /** Milliseconds since 1970. */
  time: number
  /** Empty for anonymous callers, `*` for several users. */
  user: string
  address: string
  action: string
  target: string
  result: AuditResult
  /** From the error catalogue; null for no error, or several. */
  errorId: number | null
  count: number
}

/** `interrupted`: the process ended before the work did. */
export type AuditResult = 'ok' | 'refused' | 'failed' | 'interrupted'

export interface AuditRecord extends AuditEntry {
  /** From 1 on without gaps. */
  number: number
  mac: Uint8Array
}

/** A signed end of the chain. */
export interface ChainEnd {
  number: number
  mac: Uint8Array
  signature: Uint8Array
}

export interface AuditFilter {
  /** Record numbers, both exclusive. */
  after: number
  before: number
  /** Inclusive, milliseconds since 1970. */
  since: number
  /** Empty for all. */
  user: string
  /** An action or a prefix (`user` matches `user.add`, `user.delete`, …); empty for all. */
  action: string
  /** Empty for all. */
  target: string
  limit: number
}

/** Denials of one kind that are still being aggregated. */
export type PendingDenial = Omit<AuditEntry, 'result'>

/** Work that has started and not ended. */
type PendingEntry = Pick<AuditEntry, 'time' | 'user' | 'address' | 'action' | 'target'>

/** A row that is not a record yet, with a MAC so that only the key's owner can create one. */
export type Authenticated<T> = T & { mac: Uint8Array }

export type AuditStore = ReturnType<typeof createAuditStore>

/** The audit log's tables. Changes must run inside `database.write`. */
export function createAuditStore({ sql }: Pick<Database, 'sql'>) {
  const columns = 'number, time, user, address, action, target, result, error_id AS errorId, count, mac'
  const selectEnd = sql.query<ChainEnd, [string]>('SELECT number, mac, signature FROM audit_chain_ends WHERE name = ?')
  const upsertEnd = sql.query<null, [string, number, Uint8Array, Uint8Array]>(
    'INSERT OR REPLACE INTO audit_chain_ends (name, number, mac, signature) VALUES (?, ?, ?, ?)',
  )
  const selectOne = sql.query<AuditRecord, [number]>(`SELECT ${columns} FROM audit WHERE number = ?`)
  const selectNewest = sql.query<AuditRecord, []>(`SELECT ${columns} FROM audit ORDER BY number DESC LIMIT 1`)
  const selectAfter = sql.query<AuditRecord, [number, number]>(
    `SELECT ${columns} FROM audit WHERE number > ? ORDER BY number LIMIT ?`,
  )
  const selectFiltered = sql.query<AuditRecord, [Record<keyof AuditFilter, string | number>]>(`
    SELECT ${columns} FROM audit
    WHERE number > $after AND number < $before AND time >= $since
      AND ($user = '' OR user = $user OR user = '*')
      AND ($action = '' OR action = $action OR action = '*' OR substr(action, 1, length($action) + 1) = $action || '.')
      AND ($target = '' OR target = $target OR target = '*')
    ORDER BY number DESC LIMIT $limit`)
  const insert = sql.query<
    null,
    [number, number, string, string, string, string, AuditResult, number | null, number, Uint8Array]
  >(`
    INSERT INTO audit (number, time, user, address, action, target, result, error_id, count, mac)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const deleteUpTo = sql.query<null, [number]>('DELETE FROM audit WHERE number <= ?')

  const selectTriggers = sql.query<{ sql: string }, []>(
    "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name LIKE 'audit%'",
  )
  const selectUpTo = sql.query<{ count: number; lowest: number | null }, [number]>(
    'SELECT count(*) AS count, min(number) AS lowest FROM audit WHERE number <= ?',
  )

  const denialColumns = 'since AS time, user, address, action, target, error_id AS errorId, count, mac'
  const selectDenial = sql.query<Authenticated<PendingDenial>, [string]>(
    `SELECT ${denialColumns} FROM audit_denials WHERE key = ?`,
  )
  const countDenials = sql.query<{ open: number }, [string]>(
    'SELECT count(*) AS open FROM audit_denials WHERE substr(key, 1, length(?1)) = ?1',
  )
  const upsertDenial = sql.query<
    null,
    [string, number, string, string, string, string, number | null, number, Uint8Array]
  >(`
    INSERT INTO audit_denials (key, since, user, address, action, target, error_id, count, mac)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET (since, user, address, action, target, error_id, count, mac) =
      (excluded.since, excluded.user, excluded.address, excluded.action, excluded.target, excluded.error_id,
       excluded.count, excluded.mac)`)
  const selectDenialsUntil = sql.query<Authenticated<PendingDenial>, [number]>(
    `SELECT ${denialColumns} FROM audit_denials WHERE since <= ? ORDER BY number`,
  )
  const deleteDenials = sql.query<null, [number]>('DELETE FROM audit_denials WHERE since <= ?')

  const insertPending = sql.query<null, [string, number, string, string, string, string, Uint8Array]>(
    'INSERT INTO audit_pending (id, time, user, address, action, target, mac) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const deletePending = sql.query<null, [string]>('DELETE FROM audit_pending WHERE id = ?')
  const deleteAllPending = sql.query<Authenticated<PendingEntry>, []>(
    'DELETE FROM audit_pending RETURNING time, user, address, action, target, mac',
  )

  return {
    findEnd: (name: 'start' | 'head'): ChainEnd | undefined => selectEnd.get(name) ?? undefined,
    saveEnd: (name: 'start' | 'head', { number, mac, signature }: ChainEnd): void =>
      void upsertEnd.run(name, number, mac, signature),

    find: (number: number): AuditRecord | undefined => selectOne.get(number) ?? undefined,
    newest: (): AuditRecord | undefined => selectNewest.get() ?? undefined,
    /** Oldest first. */
    after: (number: number, limit: number): AuditRecord[] => selectAfter.all(number, limit),
    /** Newest first. */
    list: (filter: AuditFilter): AuditRecord[] => selectFiltered.all({ ...filter }),

    insert(record: AuditRecord): void {
      const { number, time, user, address, action, target, result, errorId, count, mac } = record
      insert.run(number, time, user, address, action, target, result, errorId, count, mac)
    },

    /** A trigger rejects records after the start of the chain. */
    removeUpTo: (number: number): void => void deleteUpTo.run(number),

    findDenial: (key: string): Authenticated<PendingDenial> | undefined => selectDenial.get(key) ?? undefined,
    countPendingDenials: (prefix: string): number => countDenials.get(prefix)?.open ?? 0,
    saveDenial(key: string, denial: Authenticated<PendingDenial>): void {
      const { time, user, address, action, target, errorId, count, mac } = denial
      upsertDenial.run(key, time, user, address, action, target, errorId, count, mac)
    },
    /** Denials first seen at `time` or before, oldest first. */
    denialsUntil: (time: number): Authenticated<PendingDenial>[] => selectDenialsUntil.all(time),
    removeDenialsUntil: (time: number): void => void deleteDenials.run(time),

    insertPending(id: string, { time, user, address, action, target, mac }: Authenticated<PendingEntry>): void {
      insertPending.run(id, time, user, address, action, target, mac)
    },
    removePending: (id: string): void => void deletePending.run(id),
    /** Removes and returns all entries. */
    takePending: (): Authenticated<PendingEntry>[] => deleteAllPending.all(),

    /** SQL of the triggers on these tables. */
    triggers: (): string[] => selectTriggers.all().map(row => row.sql),
    /** Number of records up to and including this one, and the lowest number. */
    countUpTo: (number: number) => selectUpTo.get(number) ?? { count: 0, lowest: null },
  }
}
