import { existsSync } from 'node:fs'
import { layout } from '../service/layout.ts'
import { restartService } from '../service/restart.ts'
import { systemctl, unitState } from '../service/systemd.ts'

/** The running service of a binary. */
export interface Service {
  stop(): Promise<void>
  /** @returns its address. @throws OperatorError with the service's own error message */
  restart(): Promise<string>
}

/** @returns undefined if systemd does not run the binary */
export async function findService(binary: string, dataDir: string): Promise<Service | undefined> {
  if (binary !== layout.binary || !existsSync('/run/systemd/system')) return undefined
  const { active } = await unitState()
  // A service that keeps failing is `activating` between attempts.
  if (!['active', 'activating', 'reloading'].includes(active)) return undefined
  return {
    stop: async () => void (await systemctl('stop', layout.unitName)),
    restart: () => restartService(dataDir),
  }
}
