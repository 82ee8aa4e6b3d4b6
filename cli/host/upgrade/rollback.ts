import { existsSync } from 'node:fs'
import { rollBackData } from '../../../src/backups/roll-back.ts'
import type { CoreConfig } from '../../../src/config/config.ts'
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
import { describeBinary, stagePrevious, swapBinary } from './binary.ts'
import { findService } from './service.ts'
import { restartHint } from './upgrade.ts'

interface RollbackOptions {
  /** Absolute path. */
  binary: string
  config: CoreConfig
  user: string
  /** Asked once it was said what would be lost. */
  confirm: () => Promise<boolean>
  printLine: (line: string) => void
}

/**
 * Brings the previous binary back, and the copy of the data that it can read where it cannot read the present one.
 * @throws OperatorError
 */
export async function rollback({ binary, config, user, confirm, printLine }: RollbackOptions): Promise<void> {
  const { dataDir } = config
  const previous = previousPath(binary)
  if (!existsSync(previous))
    throw new OperatorError(`There is no ${previous}: an upgrade leaves one, and an install over another version`)
  const [target, current] = [await describeBinary(previous), await describeBinary(binary)]
  const backup = await runAsOwner(dataDir, async () => findRequiredBackup(target.migration, dataDir, target.version))
  if (backup) {
    const loss = await runAsOwner(dataDir, async () => diffWithCurrent(dataDir, backup))
    if (!loss.sameKey)
      throw new OperatorError('The sealing key was replaced since the copy was made: restore a backup that has its key')
    printLine(describeRollback(target.version, backup, loss))
    if (!(await confirm())) throw new OperatorError('Nothing was changed: say --yes if that is meant')
  }
  const service = await findService(binary, dataDir)
  if (backup) {
    await service?.stop()
    const actor = { user, address: 'host', action: 'upgrade.rollback' }
    const auditNote = `${current.version} to ${target.version}`
    const replacedData = await runAsOwner(dataDir, () =>
      rollBackData(config, backup, actor, { invalidate: true, auditNote }),
    )
    printLine(`Restored the data of ${new Date(backup.time).toISOString()}; that of now is in ${replacedData}`)
  }
  swapBinary(stagePrevious(binary), binary).commit()
  printLine(`Placed   ${binary}: ${target.version} in the place of ${current.version}, which is ${previous} now`)
  printLine(service ? `Started  ${await service.restart()} answers` : restartHint(dataDir))
}

/** @returns undefined when the present data can be read with it */
function findRequiredBackup(migration: number, dataDir: string, version: string): PreMigrationBackup | undefined {
  const dataMigration = currentMigration(dataDir)
  if (dataMigration <= migration) return undefined
  const backup = findPreMigrationBackup(dataDir, migration)
  if (backup) return backup
  throw new OperatorError(
    `${version} cannot read the data, which is at migration ${dataMigration}, and there is no copy from before: restore a backup`,
  )
}

function describeRollback(version: string, backup: PreMigrationBackup, loss: RollbackLoss): string {
  return `${version} cannot read the present data. With the copy of ${new Date(backup.time).toISOString()} in its place would be lost:
  users       ${loss.users} made since; ${loss.deletedUsers} deleted since come back; ${loss.changedUsers} get back an earlier group or secret
  sessions    ${loss.sessions}; everybody logs in anew, with the next code
  operations  ${loss.operations} begun since, as records; droplets stay as they are
  audit       ${loss.auditRecords} records
The present data would be put aside, and not deleted.`
}
