import { existsSync, rmSync } from 'node:fs'
import { readEnv, readHostFacts, toCoreConfig } from '../../../src/config/config.ts'
import { variableOf } from '../../../src/config/settings.ts'
import { findAccount, removeAccount } from './account.ts'
import { readText } from './install-file.ts'
import { layout, previousPath } from './layout.ts'
import { parseSettings } from './settings-file.ts'
import { requireSystemd, systemctl } from './systemd.ts'

/** Removes the service and the binary. Data and settings stay, and so does the account while it has data. */
export async function uninstallService(printLine: (line: string) => void): Promise<void> {
  requireSystemd()
  const dataDir = serviceDataDir()
  const removed: string[] = []
  if (existsSync(layout.unit)) {
    await systemctl('disable', '--now', '--quiet', layout.unitName)
    rmSync(layout.unit)
    await systemctl('daemon-reload')
    removed.push(`Stopped  ${layout.unitName}`, `Removed  ${layout.unit}`)
  }
  for (const binary of [layout.binary, previousPath(layout.binary)]) {
    if (!existsSync(binary)) continue
    rmSync(binary)
    removed.push(`Removed  ${binary}`)
  }
  if (!existsSync(dataDir) && (await findAccount())) {
    await removeAccount()
    removed.push(`Removed  the user ${layout.account}`)
  }
  const retained = [layout.settings, dataDir].filter(path => existsSync(path))
  for (const line of removed) printLine(line)
  if (removed.length === 0) printLine('Nothing to do: cikit-api is not installed here')
  if (retained.length > 0) printLine(`Kept     ${retained.join(' and ')}; cikit-api install uses them again`)
}

function serviceDataDir(): string {
  const text = readText(layout.settings)
  const variables = text === undefined ? {} : parseSettings(text, layout.settings)
  const variable = variableOf('data-dir')
  const env = { ...readEnv(), [variable]: variables[variable] ?? layout.dataDir }
  return toCoreConfig({}, env, readHostFacts()).dataDir
}
