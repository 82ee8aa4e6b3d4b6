import { existsSync, rmSync } from 'node:fs'
import { rollBackData } from '../../../src/backups/roll-back.ts'
import type { CoreConfig } from '../../../src/config/types.ts'
import type { Actor } from '../../../src/core/actor.ts'
import { errorMessage } from '../../../src/core/error-message.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import { preMigrationFile } from '../../../src/store/files.ts'
import { currentMigration, diffWithCurrent, findPreMigrationBackup } from '../../../src/store/pre-migration-backup.ts'
import { findLockHolder } from '../../../src/store/serve-lock.ts'
import { runAsOwner } from '../drop-privileges.ts'
import { hasSameContent } from '../service/install-file.ts'
import { previousPath } from '../service/layout.ts'
import { type BinaryDescription, describeBinary } from './binary.ts'
import { findService, type Service } from './service.ts'
import { stageBinary } from './stage-binary.ts'
import { swapBinary } from './swap-binary.ts'

interface UpgradeOptions {
  /** File with the new binary, and its SHA-256 in hex. */
  from: string
  sum: string
  /** Binary to replace. Absolute path. */
  binary: string
  config: CoreConfig
  rollbackActor: Actor
  printLine: (line: string) => void
}

/**
 * Replaces the installed binary and restarts the service. If that fails, the previous binary and data are restored.
 * @throws OperatorError
 */
export async function upgrade({ from, sum, binary, config, rollbackActor, printLine }: UpgradeOptions): Promise<void> {
  const { dataDir } = config
  if (!existsSync(binary)) throw new OperatorError(`${binary} does not exist: install it first with cikit-api install`)
  const staged = stageBinary(from, sum, binary)
  try {
    const [next, current] = [await describeBinary(staged), await describeBinary(binary)]
    const migrationBefore = await runAsOwner(dataDir, async () => currentMigration(dataDir))
    if (next.migration < migrationBefore) throw tooOldError(next, migrationBefore)
    if (await hasSameContent(staged, binary)) {
      printLine(`Nothing to do: ${binary} is already ${next.version} with this SHA-256`)
      return
    }
    const service = await findService(binary, dataDir)
    const swap = swapBinary(staged, binary)
    printLine(
      `Replaced ${binary}: ${current.version} with ${next.version}; the old binary is now ${previousPath(binary)}`,
    )
    if (!service) {
      swap.commit()
      printLine(restartHint(dataDir))
      return
    }
    try {
      printLine(`Started  the service on ${await service.restart()}`)
    } catch (failure) {
      throw await revertUpgrade({ failure, next, current, service, swap, migrationBefore, config, rollbackActor })
    }
    swap.commit()
    const copy = preMigrationFile(dataDir, migrationBefore + 1)
    if (next.migration > migrationBefore && migrationBefore > 0)
      printLine(`Migrated the data after copying it to ${copy}. To go back: cikit-api upgrade --rollback`)
  } finally {
    rmSync(staged, { force: true })
  }
}

interface FailedUpgrade {
  failure: unknown
  next: BinaryDescription
  current: BinaryDescription
  service: Service
  swap: { undo: () => void }
  /** The data's migration before the upgrade. */
  migrationBefore: number
  config: CoreConfig
  rollbackActor: Actor
}

/** @returns the error to report */
async function revertUpgrade({
  failure,
  next,
  current,
  service,
  swap,
  migrationBefore,
  config,
  rollbackActor,
}: FailedUpgrade): Promise<Error> {
  const reason = errorMessage(failure)
  await service.stop()
  const replacedData = await runAsOwner(config.dataDir, () =>
    restoreData(migrationBefore, config, rollbackActor, `${next.version} failed`),
  )
  swap.undo()
  const data = replacedData ? `, with its data (that of ${next.version} is in ${replacedData})` : ''
  const outcome = await service.restart().then(
    address => `${current.version} was restored${data} and runs on ${address}`,
    error => `${current.version} was restored${data}, but does not start either: ${errorMessage(error)}`,
  )
  return new OperatorError(`${next.version} did not start: ${reason}. ${outcome}`)
}

/** @returns directory with the migrated data; undefined if it was not migrated */
async function restoreData(
  migrationBefore: number,
  config: CoreConfig,
  rollbackActor: Actor,
  auditNote: string,
): Promise<string | undefined> {
  if (migrationBefore === 0 || currentMigration(config.dataDir) === migrationBefore) return undefined
  const backup = findPreMigrationBackup(config.dataDir, migrationBefore)
  if (!backup)
    throw new OperatorError(
      `There is no copy of the data from before the migration: restore a backup into ${config.dataDir}`,
    )
  const invalidate = !diffWithCurrent(config.dataDir, backup).isUnchanged
  return await rollBackData(config, backup, rollbackActor, { invalidate, auditNote })
}

function tooOldError({ version, migration }: BinaryDescription, dataMigration: number): OperatorError {
  return new OperatorError(
    `${version} supports data up to migration ${migration}, but the data is at ${dataMigration}: use cikit-api upgrade --rollback, or a newer version`,
  )
}

/** The next step if no service was restarted. */
export function restartHint(dataDir: string): string {
  const server = findLockHolder(dataDir)
  return server
    ? `Now restart process ${server.pid}, which still runs the old version on ${server.address}`
    : 'No server runs; the next start uses the new version'
}
