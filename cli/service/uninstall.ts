import { existsSync, rmSync } from 'node:fs'
import { readEnv, readHost, toAccessConfig, variableOf } from '../../src/config.ts'
import { previousOf } from '../upgrade/binary.ts'
import { findAccount, removeAccount } from './account.ts'
import { layout } from './layout.ts'
import { readText } from './place-file.ts'
import { readSettings } from './settings-file.ts'
import { requireSystemd, systemctl } from './systemd.ts'

/**
 * Takes away what `installService` made: the service and the binary. What cannot be had again stays: the data, and the
 * settings; the account, too, as long as there is data of its own.
 * @param say prints a line
 */
export async function uninstallService(say: (line: string) => void): Promise<void> {
  requireSystemd()
  const dataDir = dataDirOfService()
  const removed: string[] = []
  if (existsSync(layout.unit)) {
    await systemctl('disable', '--now', '--quiet', layout.unitName)
    rmSync(layout.unit)
    await systemctl('daemon-reload')
    removed.push(`Stopped  ${layout.unitName}`, `Removed  ${layout.unit}`)
  }
  for (const binary of [layout.binary, previousOf(layout.binary)]) {
    if (!existsSync(binary)) continue
    rmSync(binary)
    removed.push(`Removed  ${binary}`)
  }
  if (!existsSync(dataDir) && (await findAccount())) {
    await removeAccount()
    removed.push(`Removed  the user ${layout.account}`)
  }
  const kept = [layout.settings, dataDir].filter(path => existsSync(path))
  for (const line of removed) say(line)
  if (removed.length === 0) say('Nothing to do: cikit-api is not installed here')
  if (kept.length > 0) say(`Kept     ${kept.join(' and ')}, and cikit-api install takes them up again`)
}

function dataDirOfService(): string {
  const text = readText(layout.settings)
  const named = text === undefined ? {} : readSettings(text, layout.settings)
  const variable = variableOf('data-dir')
  const env = { ...readEnv(), [variable]: named[variable] ?? layout.dataDir }
  return toAccessConfig({}, env, readHost()).dataDir
}
