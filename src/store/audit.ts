import type { Database } from './database.ts'

/** What was done or refused. Texts hold no control characters. */
export interface AuditEntry {
  /** Milliseconds since 1970. */
  time: number
  /** Who did it; empty for a stranger, `*` for several. */
  user: string
  address: string
  action: string
  target: string
  result: AuditResult
  /** Of the error catalogue; null where there was no error, or more than one. */
  errorId: number | null
  count: number
}

/** `interrupted`: this program ended in the middle of it. */
export type AuditResult = 'ok' | 'refused' | 'failed' | 'interrupted'

export interface AuditRecord extends AuditEntry {
  /** From 1 on without gaps. */
  number: number
  mac: Uint8Array
}

/** An end of the chain, sealed by itself. */
export interface AuditMark {
  number: number
  mac: Uint8Array
  seal: Uint8Array
}

export interface AuditFilter {
  /** Records after this number only, and before that one. */
  after: number
  before: number
  /** Records of this moment or later only, milliseconds since 1970. */
  since: number
  /** Of this user only; empty for all. */
  user: string
  /** This action only, and those below it (`user` for all of `user.add`, `user.delete`, …); empty for all. */
  action: string
  /** To whom or what; empty for all. */
  target: string
  limit: number
}

/** Refusals of one kind that are still counted up. */
export type PendingDenial = Omit<AuditEntry, 'result'>

/** Work that has begun and not ended. */
export type PendingEntry = Pick<AuditEntry, 'time' | 'user' | 'address' | 'action' | 'target'>

/** A row that is no record yet: nobody without the key can make it one. */
export type Authenticated<T> = T & { mac: Uint8Array }

export type AuditStore = ReturnType<typeof createAuditStore>

/** The tables of the audit. Whatever changes them must run inside `database.write`. */
export function createAuditStore({ sql }: Pick<Database, 'sql'>) {
  const columns = 'number, time, user, address, action, target, result, error_id AS errorId, count, mac'
  const selectMark = sql.query<AuditMark, [string]>('SELECT number, mac, seal FROM audit_marks WHERE name = ?')
  const upsertMark = sql.query<null, [string, number, Uint8Array, Uint8Array]>(
    'INSERT OR REPLACE INTO audit_marks (name, number, mac, seal) VALUES (?, ?, ?, ?)',
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
    `SELECT ${denialColumns} FROM audit_refusals WHERE key = ?`,
  )
  const countDenials = sql.query<{ open: number }, [string]>(
    'SELECT count(*) AS open FROM audit_refusals WHERE substr(key, 1, length(?1)) = ?1',
  )
  const upsertDenial = sql.query<
    null,
    [string, number, string, string, string, string, number | null, number, Uint8Array]
  >(`
    INSERT INTO audit_refusals (key, since, user, address, action, target, error_id, count, mac)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET (since, user, address, action, target, error_id, count, mac) =
      (excluded.since, excluded.user, excluded.address, excluded.action, excluded.target, excluded.error_id,
       excluded.count, excluded.mac)`)
  const selectDenialsUntil = sql.query<Authenticated<PendingDenial>, [number]>(
    `SELECT ${denialColumns} FROM audit_refusals WHERE since <= ? ORDER BY number`,
  )
  const deleteDenials = sql.query<null, [number]>('DELETE FROM audit_refusals WHERE since <= ?')

  const insertPending = sql.query<null, [string, number, string, string, string, string, Uint8Array]>(
    'INSERT INTO audit_begun (id, time, user, address, action, target, mac) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const deletePending = sql.query<null, [string]>('DELETE FROM audit_begun WHERE id = ?')
  const deleteAllPending = sql.query<Authenticated<PendingEntry>, []>(
    'DELETE FROM audit_begun RETURNING time, user, address, action, target, mac',
  )

  return {
    findMark: (name: 'start' | 'head'): AuditMark | undefined => selectMark.get(name) ?? undefined,
    saveMark: (name: 'start' | 'head', { number, mac, seal }: AuditMark): void =>
      void upsertMark.run(name, number, mac, seal),

    find: (number: number): AuditRecord | undefined => selectOne.get(number) ?? undefined,
    newest: (): AuditRecord | undefined => selectNewest.get() ?? undefined,
    /** In the order of their numbers. */
    after: (number: number, limit: number): AuditRecord[] => selectAfter.all(number, limit),
    /** Newest first. */
    list: (filter: AuditFilter): AuditRecord[] => selectFiltered.all({ ...filter }),

    insert(record: AuditRecord): void {
      const { number, time, user, address, action, target, result, errorId, count, mac } = record
      insert.run(number, time, user, address, action, target, result, errorId, count, mac)
    },

    /** Only what lies before the mark `start` can be removed. */
    removeUpTo: (number: number): void => void deleteUpTo.run(number),

    findDenial: (key: string): Authenticated<PendingDenial> | undefined => selectDenial.get(key) ?? undefined,
    /** How many there are whose key begins so. */
    countPendingDenials: (prefix: string): number => countDenials.get(prefix)?.open ?? 0,
    saveDenial(key: string, denial: Authenticated<PendingDenial>): void {
      const { time, user, address, action, target, errorId, count, mac } = denial
      upsertDenial.run(key, time, user, address, action, target, errorId, count, mac)
    },
    /** Those that began at `time` or before, in the order in which they did. */
    denialsUntil: (time: number): Authenticated<PendingDenial>[] => selectDenialsUntil.all(time),
    removeDenialsUntil: (time: number): void => void deleteDenials.run(time),

    insertPending(id: string, { time, user, address, action, target, mac }: Authenticated<PendingEntry>): void {
      insertPending.run(id, time, user, address, action, target, mac)
    },
    removePending: (id: string): void => void deletePending.run(id),
    /** Removes and returns all of it. */
    takePending: (): Authenticated<PendingEntry>[] => deleteAllPending.all(),

    /** The triggers on these tables, as they were written. */
    triggers: (): string[] => selectTriggers.all().map(row => row.sql),
    /** How many records have this number or a lower one, and the lowest. */
    countUpTo: (number: number) => selectUpTo.get(number) ?? { count: 0, lowest: null },
  }
}
