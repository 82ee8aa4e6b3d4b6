import type { Database } from './database.ts'

export interface ProvisioningEntry {
  /** Stored by the engine with the droplet, which identifies it independent of its name. */
  mark: string
  name: string
  /** Milliseconds since 1970. */
  startedAt: number
}

export type ProvisioningJournal = ReturnType<typeof createProvisioningJournal>

/** Journal of unfinished adds: an entry is durable before the engine is called. */
export function createProvisioningJournal(db: Database) {
  const insert = db.sql.query<null, [string, string, number]>(
    'INSERT INTO provisioning_journal (mark, name, started_at) VALUES (?, ?, ?)',
  )
  const remove = db.sql.query<null, [string]>('DELETE FROM provisioning_journal WHERE mark = ?')
  const selectAll = db.sql.query<ProvisioningEntry, []>(
    'SELECT mark, name, started_at AS startedAt FROM provisioning_journal ORDER BY started_at',
  )

  return {
    list: (): ProvisioningEntry[] => selectAll.all(),
    start: (entry: ProvisioningEntry): Promise<void> =>
      db.write(() => void insert.run(entry.mark, entry.name, entry.startedAt)),
    /** Runs inside `database.write`. */
    remove: (mark: string): void => void remove.run(mark),
    finish: (mark: string): Promise<void> => db.write(() => void remove.run(mark)),
  }
}
