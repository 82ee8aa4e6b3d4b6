import { catalogue } from '../core/errors.ts'
import type { Database } from './database.ts'
import { createOperationStore } from './operations.ts'

const TOTP_STEP_MS = 30_000

/** What a database has to forget that was put back from an earlier time. */
export interface RestoreSummary {
  sessions: number
  enrolments: number
  operations: number
}

/**
 * Ends what cannot go on from an earlier time. Runs inside `database.write`.
 *
 * The journal of unfinished adds is dropped and not worked off: what was unfinished then may be a droplet in use today.
 * @param now milliseconds since 1970
 */
export function invalidateRestoredState(db: Database, now: number): RestoreSummary {
  const { sql } = db
  const operations = createOperationStore(db)
  const sessions = sql.query<null, []>('DELETE FROM sessions').run().changes
  const enrolments = sql.query<null, []>('DELETE FROM enrolments').run().changes
  sql.query<null, []>('DELETE FROM recovery_codes WHERE pending = 1').run()
  // RFC 6238 section 5.2: a code that was accepted after the backup must not be accepted again.
  sql.query<null, [number]>('UPDATE users SET last_step = max(last_step, ?)').run(Math.floor(now / TOTP_STEP_MS))
  sql.query<null, []>('DELETE FROM provisioning_journal').run()
  const { id, text } = catalogue.operationInterrupted
  const unfinished = operations.listUnfinished()
  for (const operation of unfinished)
    operations.saveResult({ ...operation, state: 'failed', endedAt: now, error: { id, text } })
  return { sessions, enrolments, operations: unfinished.length }
}
