import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BackupSchedule } from '../config/types.ts'
import { errorCode } from '../core/error-code.ts'
import { errorMessage } from '../core/error-message.ts'
import type { Log } from '../core/log.ts'
import { removeOrphans } from './work-directory.ts'

/** Delay after a failed backup. */
const RETRY_MS = 600_000
/** Upper limit, since the clock may be set during the wait. */
const MAX_SLEEP_MS = 3_600_000

/**
 * Runs scheduled backups one after another in a separate process, since copying the database would block this one. The
 * existing backup files determine when the next one is due, so the schedule survives restarts.
 */
export function createBackupSchedule(deps: {
  schedule: BackupSchedule
  /** Writes a backup to this path; rejects on failure or abort. */
  write: (file: string, signal: AbortSignal) => Promise<void>
  /** Milliseconds since 1970. */
  now: () => number
  log: Pick<Log, 'info' | 'warn' | 'error'>
}) {
  const { schedule, write, now, log } = deps
  const { intervalMs, retainCount, dir } = schedule
  const abortController = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let failedAt: number | undefined
  let running: Promise<void> = Promise.resolve()

  return {
    /** Starts the schedule, with a backup if one is due. */
    start: (): void => scheduleNext(0),

    /** Writes a backup if one is due. */
    runIfDue,

    /** Time until the next backup in ms; 0 if it is due. */
    msUntilDue,

    /** Aborts a running backup and removes its partial file. */
    async close(): Promise<void> {
      abortController.abort()
      clearTimeout(timer)
      await running
    },
  }

  function scheduleNext(ms: number): void {
    timer = setTimeout(async () => {
      running = runIfDue()
      await running
      if (!abortController.signal.aborted) scheduleNext(Math.min(Math.max(msUntilDue(), 1_000), MAX_SLEEP_MS))
    }, ms)
    timer.unref()
  }

  function msUntilDue(): number {
    const time = now()
    // Ignores backups with a future time, which were written while the clock was wrong.
    const newest = Math.max(
      0,
      ...listBackups(dir)
        .map(backupTimeOf)
        .filter(written => written <= time),
    )
    const due = Math.max(newest + intervalMs, failedAt === undefined ? 0 : failedAt + Math.min(intervalMs, RETRY_MS))
    return Math.max(0, due - time)
  }

  async function runIfDue(): Promise<void> {
    try {
      if (msUntilDue() > 0) return
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      chmodSync(dir, 0o700)
      await writeBackup(backupFileName(now()))
    } catch (error) {
      failedAt = now()
      if (abortController.signal.aborted) return
      log.error('backup failed', { error: errorMessage(error) })
    }
  }

  async function writeBackup(name: string): Promise<void> {
    const file = join(dir, name)
    try {
      await write(file, abortController.signal)
    } finally {
      removeOrphans(file)
    }
    failedAt = undefined
    log.info('backup written', { file })
    const olderBackups = listBackups(dir).filter(other => other !== name)
    for (const old of olderBackups
      .toSorted()
      .reverse()
      .slice(retainCount - 1)) {
      rmSync(join(dir, old), { force: true })
      log.info('old backup removed', { file: join(dir, old) })
    }
  }
}

/** `cikit-api-2026-11-23T221000Z.tar`, which sorts by time. */
export function backupFileName(time: number): string {
  return `cikit-api-${new Date(time).toISOString().slice(0, 19).replaceAll(':', '')}Z.tar`
}

/** Only files with our names. */
function listBackups(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => !Number.isNaN(backupTimeOf(name)))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

function backupTimeOf(name: string): number {
  const match = /^cikit-api-(\d{4}-\d\d-\d\dT\d\d)(\d\d)(\d\d)Z\.tar$/.exec(name)
  return match ? Date.parse(`${match[1]}:${match[2]}:${match[3]}Z`) : Number.NaN
}
