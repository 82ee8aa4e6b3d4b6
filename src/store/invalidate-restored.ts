import { catalogue } from '../core/errors.ts'
import type { Database } from './database.ts'
import { createOperationStore } from './operations.ts'

const TOTP_STEP_MS = 30_000

/** Number of rows invalidated after a restore. */
export interface RestoreSummary {
  sessions: number
  enrolments: number
  operations: number
}

/**
 * Ends sessions, enrolments and operations of a database restored from an earlier time. Runs inside `database.write`.
 *
 * The provisioning journal is cleared, not rolled back: an add that was unfinished then may be a droplet in use today.
 * @param now milliseconds since 1970
 */
export function invalidateRestoredState(db: Database, now: number): RestoreSummary {
  const { sql } = db
  const operations = createOperationStore(db)
  const sessions = sql.query<null, []>('DELETE FROM sessions').run().changes
  const enrolments = sql.query<null, []>('DELETE FROM enrolments').run().changes
  sql.query<null, []>('DELETE FROM recovery_codes WHERE pending = 1').run()
  // A code that was accepted after the backup must not be accepted again (RFC 6238 section 5.2).
  sql.query<null, [number]>('UPDATE users SET last_step = max(last_step, ?)').run(Math.floor(now / TOTP_STEP_MS))
  sql.query<null, []>('DELETE FROM provisioning_journal').run()
  const { id, text } = catalogue.operationInterrupted
  const unfinished = operations.listUnfinished()
  for (const operation of unfinished)
    operations.saveResult({ ...operation, state: 'failed', endedAt: now, error: { id, text } })
  return { sessions, enrolments, operations: unfinished.length }
}
