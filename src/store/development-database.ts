import type { Database as Sqlite } from 'bun:sqlite'
import { OperatorError } from '../core/errors.ts'

// Builds before the first release recorded eight migrations in a table `migrations`; releases count from 1 again in
// `schema_migrations`. The two names tell their databases apart.

const LAST_DEVELOPMENT_MIGRATION = 8

/** Tables of the schema, the development tables they replace, and the columns if their order differs. */
const copies: { table: string; oldTable: string; columns?: string }[] = [
  { table: 'users', oldTable: 'users' },
  {
    table: 'sessions',
    oldTable: 'sessions',
    columns: `id, user_id, number, created_at, address, agent, last_used_at,
              access_hash, access_expires_at, refresh_hash, refresh_expires_at`,
  },
  { table: 'rotated_refresh_tokens', oldTable: 'rotated_refresh_tokens' },
  { table: 'provisioning_journal', oldTable: 'unfinished_adds' },
  { table: 'clock_high_water_mark', oldTable: 'clock_mark' },
  { table: 'encryption_key_check', oldTable: 'sealing_check' },
  { table: 'throttle_buckets', oldTable: 'lanes' },
  { table: 'throttle_salt', oldTable: 'bucket_salt' },
  { table: 'known_addresses', oldTable: 'proven_addresses' },
  { table: 'audit', oldTable: 'audit' },
  { table: 'audit_chain_ends', oldTable: 'audit_marks' },
  { table: 'audit_denials', oldTable: 'audit_refusals' },
  { table: 'audit_pending', oldTable: 'audit_begun' },
  { table: 'enrolments', oldTable: 'enrolments' },
  { table: 'recovery_codes', oldTable: 'recovery_codes' },
  { table: 'operations', oldTable: 'operations' },
  { table: 'ssh_keys', oldTable: 'ssh_keys' },
]

/** The newest migration of a development build's database; undefined for every other database. */
export function developmentMigration(sql: Sqlite): number | undefined {
  const hasTable = sql.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'").get()
  if (!hasTable) return undefined
  return sql.query<{ id: number | null }, []>('SELECT max(id) AS id FROM migrations').get()?.id ?? undefined
}

/**
 * Whether this is a development build's database, which `convertTables` must convert.
 * @throws OperatorError for one that is too old
 */
export function needsConversion(sql: Sqlite): boolean {
  const migration = developmentMigration(sql)
  if (migration === undefined) return false
  const lacksKeyHash = () => sql.query('SELECT 1 FROM sealing_check WHERE key_hash IS NULL').get() !== null
  if (migration === LAST_DEVELOPMENT_MIGRATION && !lacksKeyHash()) return true
  throw new OperatorError(
    `The database was written by an early development build (migration ${migration} of ${LAST_DEVELOPMENT_MIGRATION}): start it once with the last development build (commit 7cff976), then with this one`,
  )
}

/** Moves all rows into the tables of `schema`. Runs in a transaction, with `foreign_keys` off. */
export function convertTables(sql: Sqlite, schema: string): void {
  // The schema uses these names again.
  sql.run(`
    DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_only_pruned;
    DROP INDEX users_one_owner; DROP INDEX sessions_by_user; DROP INDEX rotated_refresh_tokens_by_session;
    DROP INDEX operations_open; DROP INDEX operations_by_end`)
  for (const { oldTable } of copies) sql.run(`ALTER TABLE ${oldTable} RENAME TO old_${oldTable}`)
  sql.run(schema)
  for (const { table, oldTable, columns = '*' } of copies) {
    // OR REPLACE: the schema has created a salt.
    sql.run(`INSERT OR REPLACE INTO ${table} SELECT ${columns} FROM old_${oldTable}`)
  }
  sql.run(`
    UPDATE throttle_buckets SET bucket = 'anonymous:' || substr(bucket, 11) WHERE bucket LIKE 'strangers:%';
    UPDATE audit_denials SET key = 'anonymous ' || substr(key, 10) WHERE key LIKE 'stranger %'`)
  for (const { oldTable } of copies) sql.run(`DROP TABLE old_${oldTable}`)
  sql.run('DROP TABLE migrations')
  if (sql.query('PRAGMA foreign_key_check').get()) throw new Error('rows refer to users or sessions that do not exist')
}
