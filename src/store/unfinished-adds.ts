import type { Database } from './database.ts'

export interface UnfinishedAdd {
  /** What the engine keeps with the droplet, so that it is found again whatever became of its name. */
  mark: string
  name: string
  /** Milliseconds since 1970. */
  startedAt: number
}

export type UnfinishedAdds = ReturnType<typeof createUnfinishedAdds>

/** The journal of adds that have begun: an entry is durable before the engine hears of the droplet. */
export function createUnfinishedAdds(db: Database) {
  const insert = db.sql.query<null, [string, string, number]>(
    'INSERT INTO unfinished_adds (mark, name, started_at) VALUES (?, ?, ?)',
  )
  const remove = db.sql.query<null, [string]>('DELETE FROM unfinished_adds WHERE mark = ?')
  const all = db.sql.query<UnfinishedAdd, []>(
    'SELECT mark, name, started_at AS startedAt FROM unfinished_adds ORDER BY started_at',
  )

  return {
    list: (): UnfinishedAdd[] => all.all(),
    begin: (add: UnfinishedAdd): Promise<void> => db.write(() => void insert.run(add.mark, add.name, add.startedAt)),
    /** Inside `database.write`. */
    remove: (mark: string): void => void remove.run(mark),
    end: (mark: string): Promise<void> => db.write(() => void remove.run(mark)),
  }
}
