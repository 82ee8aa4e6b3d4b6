import { Database as Sqlite } from 'bun:sqlite'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { databaseFile } from '../../../src/store/files.ts'
import developmentSchema from '../../store/fixtures/development-schema.sql' with { type: 'text' }

/** Tables of the development builds with the tables that have the same rows today. */
const tables = {
  users: 'users',
  rotated_refresh_tokens: 'rotated_refresh_tokens',
  unfinished_adds: 'provisioning_journal',
  clock_mark: 'clock_high_water_mark',
  sealing_check: 'encryption_key_check',
  lanes: 'throttle_buckets',
  bucket_salt: 'throttle_salt',
  proven_addresses: 'known_addresses',
  audit: 'audit',
  audit_marks: 'audit_chain_ends',
  audit_refusals: 'audit_denials',
  audit_begun: 'audit_pending',
  enrolments: 'enrolments',
  recovery_codes: 'recovery_codes',
  operations: 'operations',
  ssh_keys: 'ssh_keys',
}

/** Rewrites the closed database of a data directory as the last development build wrote it. */
export function downgradeToDevelopmentBuild(dataDir: string): void {
  const path = join(dataDir, 'development.db')
  using sql = new Sqlite(path)
  sql.run(developmentSchema)
  sql.query('ATTACH ? AS source').run(databaseFile(dataDir))
  for (const [to, from] of Object.entries(tables)) {
    sql.run(`INSERT OR REPLACE INTO main.${to} SELECT * FROM source.${from}`)
  }
  sql.run(`
    INSERT INTO main.sessions (id, user_id, created_at, address, agent, last_used_at,
                               access_hash, access_expires_at, refresh_hash, refresh_expires_at)
    SELECT id, user_id, created_at, address, agent, last_used_at,
           access_hash, access_expires_at, refresh_hash, refresh_expires_at
    FROM source.sessions ORDER BY user_id, number`)
  sql.run("UPDATE main.lanes SET lane = 'strangers:' || substr(lane, 11) WHERE lane LIKE 'anonymous:%'")
  sql.run("UPDATE main.audit_refusals SET key = 'stranger ' || substr(key, 11) WHERE key LIKE 'anonymous %'")
  sql.run('DETACH source')
  renameSync(path, databaseFile(dataDir))
}
