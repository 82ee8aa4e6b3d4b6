import { createBackupSchedule } from '../../src/backups/schedule.ts'
import { removeOrphanedWork } from '../../src/backups/work-directory.ts'
import type { BackupSchedule, Config } from '../../src/config/types.ts'
import { OperatorError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { runProgram } from '../shared/run-program.ts'

/** The backups that `serve` schedules; each runs this program's `backup` command in a process of its own. */
export function createScheduledBackups(config: Config, schedule: BackupSchedule, log: Log) {
  const { dataDir, keyFile, droplets } = config
  const locationFlags = [
    ...['--data-dir', dataDir, '--credentials-dir', droplets.credentialsDir],
    ...(keyFile === undefined ? [] : ['--secret-key-file', keyFile]),
  ]
  return createBackupSchedule({ schedule, write: writeBackup, now: Date.now, log })

  async function writeBackup(file: string, signal: AbortSignal): Promise<void> {
    const { code, stderr } = await runProgram(
      [process.execPath, ...scriptArgs(), 'backup', file, ...locationFlags],
      signal,
    )
    if (signal.aborted) removeOrphanedWork(dataDir)
    if (code !== 0)
      throw new OperatorError(stderr.trim().replace(/^cikit-api: /, '') || `the backup exited with ${code}`)
  }
}

/** The script that the runtime was given; none in the compiled binary. */
function scriptArgs(): string[] {
  return Bun.main.startsWith('/$bunfs/') ? [] : [Bun.main]
}
