import type { Database } from './database.ts'

/** The latest time of the monotonic wall clock, below which no later process starts. */
export function createClockHighWaterMark(db: Database) {
  const select = db.sql.query<{ time: number }, []>('SELECT time FROM clock_high_water_mark')
  const upsert = db.sql.query<null, [number]>(`
    INSERT INTO clock_high_water_mark (id, time) VALUES (1, ?)
    ON CONFLICT (id) DO UPDATE SET time = max(time, excluded.time)`)
  return {
    /** Milliseconds since 1970; 0 before the first start. */
    get: (): number => select.get()?.time ?? 0,
    /** Runs inside `database.write`. @param time whole milliseconds since 1970 */
    raise: (time: number): void => void upsert.run(time),
  }
}
