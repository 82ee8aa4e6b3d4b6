import { statSync } from 'node:fs'
import { OperatorError } from '../../../src/core/errors.ts'
import { findLockHolder } from '../../../src/store/serve-lock.ts'
import { runProgram } from '../../shared/run-program.ts'
import { layout } from './layout.ts'
import { failureReasonSince, unitState } from './systemd.ts'

/** How long a start may take; an old database may have to be migrated. */
const START_TIMEOUT_MS = 60_000
const POLL_INTERVAL_MS = 100

/**
 * Whether the service listens, and has begun to after all that it is made of was put in place, by an earlier run of
 * ours or by hand.
 */
export function runsInstalledVersion(dataDir: string, pid: number): boolean {
  const server = findLockHolder(dataDir)
  if (server?.pid !== pid) return false
  const changes = [layout.binary, layout.settings, layout.unit].map(path => statSync(path).ctimeMs)
  return server.since >= Math.max(...changes)
}

/**
 * Starts the service, anew if it runs, and waits until it answers requests.
 * @returns where it does
 * @throws OperatorError with what it complained of
 */
export async function restartService(dataDir: string): Promise<string> {
  const since = Date.now()
  const { code } = await runProgram(['systemctl', 'restart', layout.unitName])
  if (code !== 0) throw await startError('does not start', since)
  return await waitUntilServing(dataDir, since)
}

/**
 * The same for one that runs.
 * @param since when what it complains of counts; milliseconds since 1970
 */
export async function waitUntilServing(dataDir: string, since = Date.now()): Promise<string> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline) {
    const { active, sub, pid } = await unitState()
    if (active === 'failed' || sub === 'auto-restart') throw await startError('does not start', since)
    const server = findLockHolder(dataDir)
    if (server && server.pid === pid && (await isResponding(server.address))) return server.address
    await Bun.sleep(POLL_INTERVAL_MS)
  }
  throw await startError(`does not answer within ${START_TIMEOUT_MS / 1000} s`, since)
}

async function isResponding(address: string): Promise<boolean> {
  try {
    // Whatever it says: who it says it is, is not asked here.
    await fetch(address, { tls: { rejectUnauthorized: false }, signal: AbortSignal.timeout(2_000) })
    return true
  } catch {
    return false
  }
}

async function startError(problem: string, since: number): Promise<OperatorError> {
  const reason = (await failureReasonSince(since)) ?? 'it does not say why'
  return new OperatorError(`${layout.unitName} ${problem}: ${reason} (the log: journalctl -u cikit-api)`)
}
