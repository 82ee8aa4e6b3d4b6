import { existsSync } from 'node:fs'
import { layout } from '../service/layout.ts'
import { restartService } from '../service/restart.ts'
import { systemctl, unitState } from '../service/systemd.ts'

/** The service that runs the binary, as far as it is running. */
export interface Service {
  stop(): Promise<void>
  /** @returns where it answers. @throws OperatorError with what it complained of */
  restart(): Promise<string>
}

/** Undefined where systemd does not run it now. */
export async function findService(binary: string, dataDir: string): Promise<Service | undefined> {
  if (binary !== layout.binary || !existsSync('/run/systemd/system')) return undefined
  const { active } = await unitState()
  // One that fails over and over is `activating` in between.
  if (!['active', 'activating', 'reloading'].includes(active)) return undefined
  return {
    stop: async () => void (await systemctl('stop', layout.unitName)),
    restart: () => restartService(dataDir),
  }
}
