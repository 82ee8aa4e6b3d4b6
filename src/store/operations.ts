import type { Database } from './database.ts'

type OperationKind = 'add' | 'start' | 'stop' | 'restart' | 'delete'
/** `queued`: accepted, waiting for other operations. The last three are final. */
type OperationState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled'

export interface Step {
  name: string
  /** Milliseconds since 1970, as all times here. */
  startedAt: number
  /** Undefined for the current step, or the one that failed. */
  endedAt?: number
}

/** A requested change of a droplet. */
export interface Operation {
  id: string
  kind: OperationKind
  /** Name; null until an add has chosen one. */
  droplet: string | null
  /** The engine's id of the droplet; null for an add. */
  dropletId: string | null
  /** The actor, as in the audit log. */
  user: string
  address: string
  action: string
  state: OperationState
  createdAt: number
  startedAt: number | null
  endedAt: number | null
  steps: Step[]
  /** The error as sent to the caller. */
  error: { id: number; text: string } | null
}

/** An `Idempotency-Key` of a user. */
export interface IdempotencyKey {
  userId: string
  /** SHA-256 of the key, so that a token sent as a key by mistake is not stored. */
  key: Uint8Array
  /** SHA-256 of the request. */
  fingerprint: Uint8Array
}

export interface OperationFilter {
  /** Id of an operation: only older ones; empty for all. */
  before: string
  /** Droplet name; empty for all. */
  droplet: string
  /** Ids to include as well: the chosen name of an unfinished add is not stored yet. */
  also: string[]
  limit: number
}

type OperationRow = Omit<Operation, 'state' | 'steps' | 'error'> & {
  state: Exclude<OperationState, 'queued' | 'running'> | 'open'
  steps: string
  errorId: number | null
  error: string | null
}

export type OperationStore = ReturnType<typeof createOperationStore>

/** The operations table. Changes must run inside `database.write`. Unfinished operations are read as queued. */
export function createOperationStore({ sql }: Database) {
  const columns = `
    id, kind, droplet, droplet_id AS dropletId, user, address, action, state, created_at AS createdAt,
    started_at AS startedAt, ended_at AS endedAt, steps, error_id AS errorId, error`
  const insert = sql.query<
    null,
    [
      ...[string, OperationKind, string | null, string | null, string, string, string, number],
      ...[string | null, Uint8Array | null, Uint8Array | null],
    ]
  >(`
    INSERT INTO operations (id, kind, droplet, droplet_id, user, address, action, state, created_at, steps, user_id, key, fingerprint)
    VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, '[]', ?, ?, ?)`)
  const updateResult = sql.query<
    null,
    [string | null, string, number | null, number | null, string, number | null, string | null, string]
  >(`
    UPDATE operations SET droplet = ?, state = ?, started_at = ?, ended_at = ?, steps = ?, error_id = ?, error = ?
    WHERE id = ?`)
  const selectById = sql.query<OperationRow, [string]>(`SELECT ${columns} FROM operations WHERE id = ?`)
  const selectByKey = sql.query<OperationRow & { fingerprint: Uint8Array }, [string, Uint8Array]>(
    `SELECT ${columns}, fingerprint FROM operations WHERE user_id = ? AND key = ?`,
  )
  const selectFiltered = sql.query<OperationRow, [Record<keyof OperationFilter, string | number>]>(`
    SELECT ${columns} FROM operations
    WHERE ($before = '' OR number < (SELECT number FROM operations WHERE id = $before))
      AND ($droplet = '' OR droplet = $droplet OR id IN (SELECT value FROM json_each($also)))
    ORDER BY number DESC LIMIT $limit`)
  const selectUnfinished = sql.query<OperationRow, []>(
    `SELECT ${columns} FROM operations WHERE state = 'open' ORDER BY number`,
  )
  const deleteEndedBefore = sql.query<null, [number]>("DELETE FROM operations WHERE state <> 'open' AND ended_at < ?")
  const deleteOldest = sql.query<null, [number]>(
    "DELETE FROM operations WHERE state <> 'open' AND number <= (SELECT max(number) FROM operations) - ?",
  )

  return {
    insert(operation: Operation, idempotencyKey: IdempotencyKey | undefined): void {
      const { id, kind, droplet, dropletId, user, address, action, createdAt } = operation
      const { userId = null, key = null, fingerprint = null } = idempotencyKey ?? {}
      insert.run(id, kind, droplet, dropletId, user, address, action, createdAt, userId, key, fingerprint)
    },

    saveResult({ id, droplet, state, startedAt, endedAt, steps, error }: Operation): void {
      updateResult.run(
        droplet,
        state,
        startedAt,
        endedAt,
        JSON.stringify(steps),
        error?.id ?? null,
        error?.text ?? null,
        id,
      )
    },

    find: (id: string): Operation | undefined => toOperation(selectById.get(id)),

    findByKey(userId: string, key: Uint8Array): { operation: Operation; fingerprint: Uint8Array } | undefined {
      const row = selectByKey.get(userId, key)
      const operation = toOperation(row)
      return row && operation ? { operation, fingerprint: row.fingerprint } : undefined
    },

    /** Newest first. */
    list: (filter: OperationFilter): Operation[] =>
      selectFiltered.all({ ...filter, also: JSON.stringify(filter.also) }).flatMap(row => toOperation(row) ?? []),

    /** Oldest first. */
    listUnfinished: (): Operation[] => selectUnfinished.all().flatMap(row => toOperation(row) ?? []),

    removeEndedBefore: (time: number): void => void deleteEndedBefore.run(time),
    retainNewest: (count: number): void => void deleteOldest.run(count),
  }
}

function toOperation(row: OperationRow | null): Operation | undefined {
  if (!row) return undefined
  const { state, errorId, error, id, kind, droplet, dropletId, user, address, action } = row
  const steps: Step[] = JSON.parse(row.steps)
  return {
    ...{ id, kind, droplet, dropletId, user, address, action },
    ...{ createdAt: row.createdAt, startedAt: row.startedAt, endedAt: row.endedAt },
    state: state === 'open' ? 'queued' : state,
    steps,
    error: errorId === null ? null : { id: errorId, text: error ?? '' },
  }
}
