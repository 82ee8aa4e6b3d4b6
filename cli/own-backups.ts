import { createBackupSchedule } from '../src/backups/schedule.ts'
import { removeWork } from '../src/backups/work-directory.ts'
import type { BackupSchedule, Config } from '../src/config.ts'
import { OperatorError } from '../src/errors.ts'
import type { Log } from '../src/log.ts'
import { runProgram } from './program.ts'

/** The backups that `serve` has made by `backup` of this same program. */
export function createOwnBackups(config: Config, schedule: BackupSchedule, log: Log) {
  const { dataDir, keyFile, droplets } = config
  const place = [
    ...['--data-dir', dataDir, '--credentials-dir', droplets.credentialsDir],
    ...(keyFile === undefined ? [] : ['--secret-key-file', keyFile]),
  ]
  return createBackupSchedule({ schedule, write, now: Date.now, log })

  async function write(file: string, stop: AbortSignal): Promise<void> {
    const { code, stderr } = await runProgram([process.execPath, ...ownProgram(), 'backup', file, ...place], stop)
    if (stop.aborted) removeWork(dataDir)
    if (code !== 0) throw new OperatorError(stderr.trim().replace(/^cikit-api: /, '') || `it ended with ${code}`)
  }
}

/** What the runtime is told beside its own name: nothing when it is inside of the binary. */
function ownProgram(): string[] {
  return Bun.main.startsWith('/$bunfs/') ? [] : [Bun.main]
}
