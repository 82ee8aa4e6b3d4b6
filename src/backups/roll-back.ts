import { chmodSync, copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { openAudit } from '../audit/service.ts'
import { CREDENTIALS_DIR } from '../config/config.ts'
import type { Actor } from '../core/actor.ts'
import { systemRandom } from '../core/random.ts'
import { openDatabase } from '../store/database.ts'
import { type KeyLocation, sealingKeyFile } from '../store/encryption-key.ts'
import { AUDIT_KEY_FILE, databaseFile, SEALING_KEY_FILE } from '../store/files.ts'
import { invalidateRestoredState } from '../store/invalidate-restored.ts'
import { type Migration, migrations as ownMigrations } from '../store/migrations/index.ts'
import { carryForward, type PreMigrationBackup } from '../store/pre-migration-backup.ts'
import { swapData } from '../store/swap-data.ts'
import { createUserStore } from '../store/users.ts'

/**
 * Puts the copy of before a migration in the place of the present database, which is put aside and not deleted. Killed
 * at any moment, either counts as a whole.
 * @param ending whether sessions end and codes of now count no more, as they must when anything was written since
 * @param note what the audit is told that it was about
 * @returns the directory in which the present data is then
 * @throws OperatorError while somebody serves, and when the keys do not fit the copy
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
  // Whatever keys the droplets have, they have today.
  const { previousDataDir } = await swapData(dataDir, join(dataDir, CREDENTIALS_DIR), async draft => {
    copyPrivateFile(backup.path, databaseFile(draft))
    // They are put aside with the database, and are the same after that.
    for (const name of [SEALING_KEY_FILE, AUDIT_KEY_FILE]) {
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

/** What was written since then ends, and the audit tells of it. Nothing is migrated: the program that comes back knows no more. */
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
    const keys = { dataDir: location.dataDir, sealingKeyFile: sealingKeyFile(location) }
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
