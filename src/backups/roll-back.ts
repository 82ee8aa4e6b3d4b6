import { chmodSync, copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { openAudit } from '../audit/service.ts'
import { CREDENTIALS_DIR } from '../config/config.ts'
import type { Actor } from '../core/actor.ts'
import { systemRandom } from '../core/random.ts'
import { openDatabase } from '../store/database.ts'
import { encryptionKeyFile, type KeyLocation } from '../store/encryption-key.ts'
import { AUDIT_KEY_FILE, databaseFile, ENCRYPTION_KEY_FILE } from '../store/files.ts'
import { invalidateRestoredState } from '../store/invalidate-restored.ts'
import { type Migration, migrations as ownMigrations } from '../store/migrations/index.ts'
import { carryForward, type PreMigrationBackup } from '../store/pre-migration-backup.ts'
import { swapData } from '../store/swap-data.ts'
import { createUserStore } from '../store/users.ts'

/**
 * Replaces the current database by the copy from before a migration. The current data is moved aside, not deleted.
 * Atomic: after a kill at any moment, either the old or the new database is in effect.
 * @param options `invalidate` ends sessions and used codes, as required when anything was written since the copy;
 * `auditNote` is the target of the audit record
 * @returns the directory of the replaced data
 * @throws OperatorError while the directory is served, or when the keys do not match the copy
 */
export async function rollBackData(
  location: KeyLocation,
  backup: PreMigrationBackup,
  actor: Actor,
  {
    invalidate,
    auditNote,
    migrations = ownMigrations,
  }: { invalidate: boolean; auditNote: string; migrations?: readonly Migration[] },
): Promise<string> {
  const { dataDir } = location
  // The droplets' SSH keys stay as they are.
  const { previousDataDir } = await swapData(dataDir, join(dataDir, CREDENTIALS_DIR), async draft => {
    copyPrivateFile(backup.path, databaseFile(draft))
    // The keys are moved aside with the database.
    for (const name of [ENCRYPTION_KEY_FILE, AUDIT_KEY_FILE]) {
      if (existsSync(join(dataDir, name))) copyPrivateFile(join(dataDir, name), join(draft, name))
    }
    await prepareDraft(location, draft, actor, {
      invalidate,
      auditNote,
      migrations: migrations.slice(0, backup.migration),
    })
  })
  return previousDataDir ?? dataDir
}

/**
 * Invalidates the sessions and codes of the copy and records the rollback. Does not migrate: the older program must be
 * able to read it.
 */
async function prepareDraft(
  location: KeyLocation,
  draft: string,
  actor: Actor,
  { invalidate, auditNote, migrations }: { invalidate: boolean; auditNote: string; migrations: readonly Migration[] },
): Promise<void> {
  const now = Date.now
  const db = openDatabase(draft, { now, migrations })
  try {
    const users = createUserStore(db)
    const isUser = (username: string) => users.findExactly(username) !== undefined
    const keys = { dataDir: location.dataDir, encryptionKeyFile: encryptionKeyFile(location) }
    const audit = await openAudit({ db, ...keys, isFirstStart: false, now, random: systemRandom, isUser })
    await db.write(() => {
      if (invalidate) invalidateRestoredState(db, now())
      audit.record(actor, auditNote)
    })
    await audit.close()
    if (invalidate) await carryForward(db, location.dataDir)
  } finally {
    db.close()
  }
}

function copyPrivateFile(from: string, to: string): void {
  copyFileSync(from, to)
  chmodSync(to, 0o600)
}
