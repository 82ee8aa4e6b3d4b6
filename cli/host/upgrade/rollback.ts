import { existsSync } from 'node:fs'
import { rollBackData } from '../../../src/backups/roll-back.ts'
import type { CoreConfig } from '../../../src/config/types.ts'
import type { Actor } from '../../../src/core/actor.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import {
  currentMigration,
  diffWithCurrent,
  findPreMigrationBackup,
  type PreMigrationBackup,
  type RollbackLoss,
} from '../../../src/store/pre-migration-backup.ts'
import { runAsOwner } from '../drop-privileges.ts'
import { previousPath } from '../service/layout.ts'
import { describeBinary } from './binary.ts'
import { findService } from './service.ts'
import { stagePrevious, swapBinary } from './swap-binary.ts'
import { restartHint } from './upgrade.ts'

interface RollbackOptions {
  /** Absolute path. */
  binary: string
  config: CoreConfig
  rollbackActor: Actor
  /** Called after the losses are shown. */
  confirm: () => Promise<boolean>
  printLine: (line: string) => void
}

/**
 * Restores the previous binary. If that cannot read the current data, also restores the copy from before the migration.
 * @throws OperatorError
 */
export async function rollback({ binary, config, rollbackActor, confirm, printLine }: RollbackOptions): Promise<void> {
  const { dataDir } = config
  const previous = previousPath(binary)
  if (!existsSync(previous))
    throw new OperatorError(
      `${previous} does not exist: only an upgrade, or an install over another version, creates it`,
    )
  const [target, current] = [await describeBinary(previous), await describeBinary(binary)]
  const backup = await runAsOwner(dataDir, async () => findRequiredBackup(target.migration, dataDir, target.version))
  if (backup) {
    const loss = await runAsOwner(dataDir, async () => diffWithCurrent(dataDir, backup))
    if (!loss.sameKey)
      throw new OperatorError(
        'The encryption key was replaced after the copy was made: restore a backup that contains the old key',
      )
    printLine(describeRollback(target.version, backup, loss))
    if (!(await confirm())) throw new OperatorError('Nothing was changed: confirm with --yes')
  }
  const service = await findService(binary, dataDir)
  if (backup) {
    await service?.stop()
    const auditNote = `${current.version} to ${target.version}`
    const replacedData = await runAsOwner(dataDir, () =>
      rollBackData(config, backup, rollbackActor, { invalidate: true, auditNote }),
    )
    printLine(`Restored the data of ${new Date(backup.time).toISOString()}; the replaced data is in ${replacedData}`)
  }
  swapBinary(stagePrevious(binary), binary).commit()
  printLine(`Replaced ${binary}: ${current.version} with ${target.version}; the old binary is now ${previous}`)
  printLine(service ? `Started  the service on ${await service.restart()}` : restartHint(dataDir))
}

/** @returns undefined if that version can read the current data */
function findRequiredBackup(migration: number, dataDir: string, version: string): PreMigrationBackup | undefined {
  const dataMigration = currentMigration(dataDir)
  if (dataMigration <= migration) return undefined
  const backup = findPreMigrationBackup(dataDir, migration)
  if (backup) return backup
  throw new OperatorError(
    `${version} cannot read the data, which is at migration ${dataMigration}, and there is no older copy: restore a backup`,
  )
}

function describeRollback(version: string, backup: PreMigrationBackup, loss: RollbackLoss): string {
  return `${version} cannot read the current data. Restoring the copy of ${new Date(backup.time).toISOString()} would lose:
  users       ${loss.users} created since; ${loss.deletedUsers} deleted since would return; ${loss.changedUsers} would get back an earlier group or secret
  sessions    ${loss.sessions}; all users have to log in again, with their next code
  operations  ${loss.operations} records since; droplets stay as they are
  audit       ${loss.auditRecords} records
The current data would be moved aside, not deleted.`
}
