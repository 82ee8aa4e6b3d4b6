import { chmodSync, copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Act, openAudit } from '../audit/service.ts'
import { openDatabase } from '../store/database.ts'
import { carryOver, type EarlierCopy } from '../store/earlier.ts'
import { databaseFile } from '../store/files.ts'
import { type Migration, migrations as ownMigrations } from '../store/migrations/index.ts'
import { replaceData } from '../store/replace-data.ts'
import { forgetWhatIsOver } from '../store/restored.ts'
import { type KeyPlace, sealingKeyFile } from '../store/sealing-key.ts'
import { createUserStore } from '../store/users.ts'

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size))

/**
 * Puts the copy of before a migration in the place of the present database, which is put aside and not deleted. Killed
 * at any moment, either counts as a whole.
 * @param ending whether sessions end and codes of now count no more, as they must when anything was written since
 * @param note what the audit is told that it was about
 * @returns the directory in which the present data is then
 * @throws OperatorError while somebody serves, and when the keys do not fit the copy
 */
export async function rollBackData(
  place: KeyPlace,
  copy: EarlierCopy,
  act: Act,
  { ending, note, migrations = ownMigrations }: { ending: boolean; note: string; migrations?: readonly Migration[] },
): Promise<string> {
  const { dataDir } = place
  // Whatever keys the droplets have, they have today.
  const { before } = await replaceData(dataDir, join(dataDir, 'credentials'), async draft => {
    copyPrivate(copy.path, databaseFile(draft))
    // They are put aside with the database, and are the same after that.
    for (const name of ['sealing.key', 'audit.key']) {
      if (existsSync(join(dataDir, name))) copyPrivate(join(dataDir, name), join(draft, name))
    }
    await settle(place, draft, act, { ending, note, migrations: migrations.slice(0, copy.migration) })
  })
  return before ?? dataDir
}

/** What was written since then ends, and the audit tells of it. Nothing is migrated: the program that comes back knows no more. */
async function settle(
  place: KeyPlace,
  draft: string,
  act: Act,
  { ending, note, migrations }: { ending: boolean; note: string; migrations: readonly Migration[] },
): Promise<void> {
  const now = Date.now
  const db = openDatabase(draft, { now, migrations })
  try {
    const users = createUserStore(db)
    const isUser = (username: string) => users.findExactly(username) !== undefined
    const keys = { dataDir: place.dataDir, sealingKeyFile: sealingKeyFile(place) }
    const audit = await openAudit({ db, ...keys, isFirstStart: false, now, random, isUser })
    await db.write(() => {
      if (ending) forgetWhatIsOver(db, now())
      audit.record(act, note)
    })
    await audit.close()
    if (ending) await carryOver(db, place.dataDir)
  } finally {
    db.close()
  }
}

function copyPrivate(from: string, to: string): void {
  copyFileSync(from, to)
  chmodSync(to, 0o600)
}
