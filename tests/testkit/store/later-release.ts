import { join } from 'node:path'
import { openDatabase } from '../../../src/store/database.ts'
import { createEnrolmentStore } from '../../../src/store/enrolments.ts'
import { type Migration, migrations } from '../../../src/store/migrations/index.ts'
import type { PreMigrationBackup } from '../../../src/store/pre-migration-backup.ts'
import { createProvisioningJournal } from '../../../src/store/provisioning-journal.ts'
import { createSessionStore } from '../../../src/store/sessions.ts'
import { createUserStore } from '../../../src/store/users.ts'
import { openTestAudit } from '../audit/audit.ts'
import { memoryDir } from '../temp-dir.ts'
import { createAccount, createTokenPair } from './test-store.ts'

const NEWEST_MIGRATION = migrations.length
/** The migrations of a later release. */
export const laterMigrations: readonly Migration[] = [
  ...migrations,
  { id: NEWEST_MIGRATION + 1, name: 'later', sql: 'CREATE TABLE later (text TEXT)' },
]

/** A data directory with a user, a session and recovery codes, created by this release and migrated by a later one. */
export async function createMigratedDataDir() {
  const dir = memoryDir()
  const dataDir = dir.path
  /** Opens the stores with the migrations of one release. */
  const withTables = async (migrationList: readonly Migration[], work: (tables: Tables) => void | Promise<void>) => {
    const db = openDatabase(dataDir, { now: () => 5_000, migrations: migrationList })
    const audit = await openTestAudit({ db, dataDir })
    const stores = {
      users: createUserStore(db),
      sessions: createSessionStore(db),
      enrolments: createEnrolmentStore(db),
      provisioningJournal: createProvisioningJournal(db),
    }
    try {
      await work({ db, audit, ...stores })
    } finally {
      await audit.close()
      db.close()
    }
  }
  await withTables(migrations, async ({ db, users, sessions, enrolments, provisioningJournal }) => {
    const ann = createAccount('ann', 'owner')
    await db.write(() => {
      users.insert(ann)
      users.consumeTimeStep(ann, 7)
      const session = { id: 'first', userId: ann.id, createdAt: 0, lastUsedAt: 0, address: '', agent: '' }
      sessions.insert(session, createTokenPair('first', { access: 1, refresh: 1 }))
      enrolments.replaceCodes(ann.id, [Buffer.from('one'), Buffer.from('two')])
      db.sql.run("INSERT INTO encryption_key_check (id, encrypted, key_hash) VALUES (1, x'00', x'01')")
      db.sql.run('INSERT INTO clock_high_water_mark (id, time) VALUES (1, 1000)')
    })
    await provisioningJournal.start({ mark: 'unfinished-add', name: 'cikit01', startedAt: 0 })
  })
  await withTables(laterMigrations, () => undefined)
  const path = join(dataDir, `before-migration-${NEWEST_MIGRATION + 1}.db`)
  const backup: PreMigrationBackup = { path, migration: NEWEST_MIGRATION, time: 5_000 }
  return {
    dataDir,
    backup,
    /** Opens the data as the later release. */
    withLaterRelease: (work: (tables: Tables) => void | Promise<void>) => withTables(laterMigrations, work),
    /** Opens the data as this release. */
    withThisRelease: (work: (tables: Tables) => void | Promise<void>) => withTables(migrations, work),
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

interface Tables {
  db: ReturnType<typeof openDatabase>
  audit: Awaited<ReturnType<typeof openTestAudit>>
  users: ReturnType<typeof createUserStore>
  sessions: ReturnType<typeof createSessionStore>
  enrolments: ReturnType<typeof createEnrolmentStore>
  provisioningJournal: ReturnType<typeof createProvisioningJournal>
}
