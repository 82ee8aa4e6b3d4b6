import { readFileSync, statSync } from 'node:fs'
import { OperatorError } from '../../src/errors.ts'
import { servedBy } from '../../src/store/serve-lock.ts'
import { layout } from './layout.ts'
import { settingsAmong } from './settings-file.ts'
import { lastComplaint, unitState } from './systemd.ts'

/** How long a start may take; an old database may have to be migrated. */
const ANSWER_LIMIT_MS = 60_000
const LOOK_EVERY_MS = 100

/** Whether this process is the installed program with these settings, and not what was there before. */
export function runsAsInstalled(pid: number, variables: Record<string, string>): boolean {
  if (pid === 0) return false
  try {
    const [runs, lies] = [statSync(`/proc/${pid}/exe`), statSync(layout.binary)]
    if (runs.dev !== lies.dev || runs.ino !== lies.ino) return false
    const environ = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    const has = settingsAmong(Object.fromEntries(environ.map(entry => entry.split(/=(.*)/s))))
    return Bun.deepEquals(has, settingsAmong(variables))
  } catch {
    return false
  }
}

/**
 * Waits until the service answers requests.
 * @returns where it does
 * @throws OperatorError with what it complained of
 */
export async function waitForAnswer(dataDir: string): Promise<string> {
  const end = performance.now() + ANSWER_LIMIT_MS
  while (performance.now() < end) {
    const { active, sub, pid } = await unitState()
    if (active === 'failed' || sub === 'auto-restart') throw await failure('does not start')
    const holder = servedBy(dataDir)
    if (holder && holder.pid === pid && (await answers(holder.address))) return holder.address
    await Bun.sleep(LOOK_EVERY_MS)
  }
  throw await failure(`does not answer within ${ANSWER_LIMIT_MS / 1000} s`)
}

async function answers(address: string): Promise<boolean> {
  try {
    // Whatever it says: who it says it is, is not asked here.
    await fetch(address, { tls: { rejectUnauthorized: false }, signal: AbortSignal.timeout(2_000) })
    return true
  } catch {
    return false
  }
}

async function failure(what: string): Promise<OperatorError> {
  const complaint = (await lastComplaint()) ?? 'it does not say why'
  return new OperatorError(`${layout.unitName} ${what}: ${complaint} (journalctl -u cikit-api; then install again)`)
}
