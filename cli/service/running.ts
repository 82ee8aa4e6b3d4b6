import { statSync } from 'node:fs'
import { OperatorError } from '../../src/errors.ts'
import { servedBy } from '../../src/store/serve-lock.ts'
import { runProgram } from '../program.ts'
import { layout } from './layout.ts'
import { complaintSince, unitState } from './systemd.ts'

/** How long a start may take; an old database may have to be migrated. */
const ANSWER_LIMIT_MS = 60_000
const LOOK_EVERY_MS = 100

/**
 * Whether the service listens, and has begun to after all that it is made of was put in place, by an earlier run of
 * ours or by hand.
 */
export function runsAsInstalled(dataDir: string, pid: number): boolean {
  const holder = servedBy(dataDir)
  if (holder?.pid !== pid) return false
  const changes = [layout.binary, layout.settings, layout.unit].map(path => statSync(path).ctimeMs)
  return holder.since >= Math.max(...changes)
}

/**
 * Starts the service, anew if it runs, and waits until it answers requests.
 * @returns where it does
 * @throws OperatorError with what it complained of
 */
export async function restart(dataDir: string): Promise<string> {
  const since = Date.now()
  const { code } = await runProgram(['systemctl', 'restart', layout.unitName])
  if (code !== 0) throw await failure('does not start', since)
  return await waitForAnswer(dataDir, since)
}

/**
 * The same for one that runs.
 * @param since when what it complains of counts; milliseconds since 1970
 */
export async function waitForAnswer(dataDir: string, since = Date.now()): Promise<string> {
  const end = performance.now() + ANSWER_LIMIT_MS
  while (performance.now() < end) {
    const { active, sub, pid } = await unitState()
    if (active === 'failed' || sub === 'auto-restart') throw await failure('does not start', since)
    const holder = servedBy(dataDir)
    if (holder && holder.pid === pid && (await answers(holder.address))) return holder.address
    await Bun.sleep(LOOK_EVERY_MS)
  }
  throw await failure(`does not answer within ${ANSWER_LIMIT_MS / 1000} s`, since)
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

async function failure(what: string, since: number): Promise<OperatorError> {
  const complaint = (await complaintSince(since)) ?? 'it does not say why'
  return new OperatorError(`${layout.unitName} ${what}: ${complaint} (the log: journalctl -u cikit-api)`)
}
