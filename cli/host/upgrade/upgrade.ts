import { existsSync, rmSync } from 'node:fs'
import { rollBackData } from '../../../src/backups/roll-back.ts'
import type { CoreConfig } from '../../../src/config/config.ts'
import { errorMessage } from '../../../src/core/error-message.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import { preMigrationFile } from '../../../src/store/files.ts'
import { currentMigration, diffWithCurrent, findPreMigrationBackup } from '../../../src/store/pre-migration-backup.ts'
import { findLockHolder } from '../../../src/store/serve-lock.ts'
import { runAsOwner } from '../drop-privileges.ts'
import { previousPath } from '../service/layout.ts'
import { type BinaryDescription, describeBinary, stageBinary, swapBinary } from './binary.ts'
import { findService, type Service } from './service.ts'

interface UpgradeOptions {
  /** The file with the new binary, and its SHA-256 in hex. */
  from: string
  sum: string
  /** The one to be replaced. Absolute path. */
  binary: string
  config: CoreConfig
  /** Who asks for it. */
  user: string
  printLine: (line: string) => void
}

/**
 * Puts another binary into the place of the installed one and restarts the service with it. Where that does not come up,
 * all is as it was before, the data too.
 * @throws OperatorError
 */
export async function upgrade({ from, sum, binary, config, user, printLine }: UpgradeOptions): Promise<void> {
  const { dataDir } = config
  if (!existsSync(binary))
    throw new OperatorError(`There is no ${binary} to be replaced: cikit-api install puts one there`)
  const staged = stageBinary(from, sum, binary)
  try {
    const [next, current] = [await describeBinary(staged), await describeBinary(binary)]
    const migrationBefore = await runAsOwner(dataDir, async () => currentMigration(dataDir))
    if (next.migration < migrationBefore) throw tooOldError(next, migrationBefore)
    if (await hasSameContent(staged, binary)) {
      printLine(`Nothing to do: ${binary} is ${next.version} already, with this very sum`)
      return
    }
    const service = await findService(binary, dataDir)
    const swap = swapBinary(staged, binary)
    printLine(
      `Placed   ${binary}: ${next.version} in the place of ${current.version}, which is ${previousPath(binary)} now`,
    )
    if (!service) {
      swap.commit()
      printLine(restartHint(dataDir))
      return
    }
    try {
      printLine(`Started  ${await service.restart()} answers`)
    } catch (failure) {
      throw await revertUpgrade({ failure, next, current, service, swap, migrationBefore, config, user })
    }
    swap.commit()
    const copy = preMigrationFile(dataDir, migrationBefore + 1)
    if (next.migration > migrationBefore && migrationBefore > 0)
      printLine(`Migrated the data, after a copy: ${copy}. Back with cikit-api upgrade --rollback`)
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
  /** The newest migration of the data, before. */
  migrationBefore: number
  config: CoreConfig
  user: string
}

/** @returns what is to be told */
async function revertUpgrade({
  failure,
  next,
  current,
  service,
  swap,
  migrationBefore,
  config,
  user,
}: FailedUpgrade): Promise<Error> {
  const reason = errorMessage(failure)
  await service.stop()
  const replacedData = await runAsOwner(config.dataDir, () =>
    restoreData(migrationBefore, config, user, `${next.version} failed`),
  )
  swap.undo()
  const data = replacedData ? `, with the data of before (that of ${next.version} is in ${replacedData})` : ''
  const outcome = await service.restart().then(
    address => `${current.version} is back${data}, and answers on ${address}`,
    error => `${current.version} is back${data}, and does not start either: ${errorMessage(error)}`,
  )
  return new OperatorError(`${next.version} did not come up: ${reason}. ${outcome}`)
}

/** @returns where the data is that was migrated, if it was */
async function restoreData(
  migrationBefore: number,
  config: CoreConfig,
  user: string,
  auditNote: string,
): Promise<string | undefined> {
  if (migrationBefore === 0 || currentMigration(config.dataDir) === migrationBefore) return undefined
  const backup = findPreMigrationBackup(config.dataDir, migrationBefore)
  if (!backup)
    throw new OperatorError(`There is no copy of the data of before: restore a backup into ${config.dataDir}`)
  const invalidate = !diffWithCurrent(config.dataDir, backup).isUnchanged
  return await rollBackData(
    config,
    backup,
    { user, address: 'host', action: 'upgrade.rollback' },
    { invalidate, auditNote },
  )
}

function tooOldError({ version, migration }: BinaryDescription, dataMigration: number): OperatorError {
  return new OperatorError(
    `${version} knows migration ${migration}, and the data is at ${dataMigration}: go back with cikit-api upgrade --rollback, or take a newer one`,
  )
}

async function hasSameContent(one: string, other: string): Promise<boolean> {
  const hash = async (path: string) => {
    const hasher = new Bun.CryptoHasher('sha256')
    for await (const chunk of Bun.file(path).stream()) hasher.update(chunk)
    return hasher.digest('hex')
  }
  return (await hash(one)) === (await hash(other))
}

/** What the caller has to do where no service is restarted. */
export function restartHint(dataDir: string): string {
  const server = findLockHolder(dataDir)
  return server
    ? `Now restart process ${server.pid}, which serves on ${server.address} still as before`
    : 'Nobody serves now: the next start takes it'
}
