import { statSync } from 'node:fs'
import { OperatorError } from '../../../src/core/errors.ts'
import { findLockHolder } from '../../../src/store/serve-lock.ts'
import { runProgram } from '../../shared/run-program.ts'
import { layout } from './layout.ts'
import { failureReasonSince, unitState } from './systemd.ts'

/** Allows for the migration of an old database. */
const START_TIMEOUT_MS = 60_000
const POLL_INTERVAL_MS = 100

/** Whether the service listens, and was started after its binary, settings and unit last changed. */
export function runsInstalledVersion(dataDir: string, pid: number): boolean {
  const server = findLockHolder(dataDir)
  if (server?.pid !== pid) return false
  const changes = [layout.binary, layout.settings, layout.unit].map(path => statSync(path).ctimeMs)
  return server.since >= Math.max(...changes)
}

/**
 * Starts or restarts the service, and waits until it answers requests.
 * @returns its address
 * @throws OperatorError with the service's own error message
 */
export async function restartService(dataDir: string): Promise<string> {
  const since = Date.now()
  const { code } = await runProgram(['systemctl', 'restart', layout.unitName])
  if (code !== 0) throw await startError('does not start', since)
  return await waitUntilServing(dataDir, since)
}

/**
 * Waits until a started service answers requests.
 * @param since errors logged before this time are ignored; milliseconds since 1970
 * @returns its address
 * @throws OperatorError with the service's own error message
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
    // Any response counts, and the certificate is not checked.
    await fetch(address, { tls: { rejectUnauthorized: false }, signal: AbortSignal.timeout(2_000) })
    return true
  } catch {
    return false
  }
}

async function startError(problem: string, since: number): Promise<OperatorError> {
  const reason = (await failureReasonSince(since)) ?? 'it logged no reason'
  return new OperatorError(`${layout.unitName} ${problem}: ${reason} (see journalctl -u cikit-api)`)
}
