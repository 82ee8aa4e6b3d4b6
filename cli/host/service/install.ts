import { existsSync } from 'node:fs'
import type { Flags } from '../../../src/config/settings.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import { databaseFile } from '../../../src/store/files.ts'
import { type Account, createAccount, findAccount, groupNames } from './account.ts'
import { claimDirectory, requireAvailable } from './data-dir.ts'
import { requireReadable } from './file-access.ts'
import { copyAtomic, readText, writeAtomic } from './install-file.ts'
import { layout, previousPath } from './layout.ts'
import { filesReadBy, type InstallPlan, planService } from './plan.ts'
import { restartService, runsInstalledVersion, waitUntilServing } from './restart.ts'
import { requireSystemd, systemctl, unitState } from './systemd.ts'

/** Stands in for the service's account until that exists: the user `nobody`. */
const UNPRIVILEGED: Account = { uid: 65_534, gid: 65_534, groups: [] }

/**
 * Installs the running binary as a service of this host. Checks everything before changing anything; a second run
 * changes nothing.
 * @param newSettings replace the settings of the same name
 */
export async function installService(newSettings: Flags, printLine: (line: string) => void): Promise<void> {
  requireSystemd()
  requireCompiled()
  const plan = await planService(newSettings, readText(layout.settings))
  const { dataDir } = plan.config
  const existingAccount = await findAccount()
  const probeAccount = existingAccount ?? UNPRIVILEGED
  const groups = [...new Set([...probeAccount.groups, ...plan.groups])]
  for (const [flag, path] of filesReadBy(plan.config)) await requireReadable(flag, path, { ...probeAccount, groups })
  const { pid } = await unitState()
  for (const path of plan.directories) await requireAvailable(path, existingAccount, pid)
  const isFirstInstall = !existsSync(databaseFile(dataDir))

  const changes = await applyPlan(plan, existingAccount, Object.keys(newSettings).length)
  for (const line of changes) printLine(line)
  const address = await ensureRunning(plan, changes.length > 0)
  if (address === undefined) {
    printLine(`Nothing to do: ${layout.unitName} already serves on ${await waitUntilServing(dataDir)}`)
    return
  }
  printLine(`Started  ${layout.unitName}, listening on ${address}`)
  if (isFirstInstall)
    printLine(`\nNow create the first user and scan its QR code with your phone:\n\n  ${createUserExample(plan)}\n`)
  printLine(`Log: journalctl -u cikit-api    Settings: edit ${layout.settings}, then run cikit-api install`)
}

/** @returns one line per change */
async function applyPlan(
  plan: InstallPlan,
  existingAccount: Account | undefined,
  newSettingCount: number,
): Promise<string[]> {
  const changes: string[] = []
  if (await copyAtomic(layout.binary, process.execPath, 0o755, previousPath(layout.binary)))
    changes.push(`Copied   ${layout.binary}`)
  const account = existingAccount ?? (await createAccount())
  if (!existingAccount) {
    const groups = await groupNames(plan.groups)
    const groupNote = groups.length > 0 ? `; the service is also in the group ${groups.join(' and ')}` : ''
    changes.push(`Created  the user ${layout.account}${groupNote}`)
  }
  for (const path of plan.directories) {
    const claimed = claimDirectory(path, account)
    if (claimed) changes.push(`${claimed === path ? 'Created ' : 'Changed '} ${claimed}`)
  }
  if (writeAtomic(layout.settings, plan.settings, 0o600)) {
    changes.push(
      `Wrote    ${layout.settings}${newSettingCount > 0 ? `: ${Object.keys(plan.variables).join(', ')}` : ''}`,
    )
  }
  if (writeAtomic(layout.unit, plan.unit, 0o644)) changes.push(`Wrote    ${layout.unit}`)
  return changes
}

/** @returns the address of the service; undefined if it already ran */
async function ensureRunning(plan: InstallPlan, changed: boolean): Promise<string | undefined> {
  if (changed || (await unitState()).stale) await systemctl('daemon-reload')
  const { active, pid, enabled } = await unitState()
  if (enabled && !changed && active === 'active' && runsInstalledVersion(plan.config.dataDir, pid)) return undefined
  await systemctl('enable', '--quiet', layout.unitName)
  return await restartService(plan.config.dataDir)
}

/** With the flags that lead to the service's data and key. */
function createUserExample({ config }: InstallPlan): string {
  const dataDir = config.dataDir === layout.dataDir ? '' : ` --data-dir ${config.dataDir}`
  const keyFile = config.keyFile ? ` --secret-key-file ${config.keyFile}` : ''
  return `cikit-api create-user -u NAME -g owner${dataDir}${keyFile}`
}

function requireCompiled(): void {
  if (Bun.main.startsWith('/$bunfs/')) return
  throw new OperatorError('Only the compiled binary can be installed: run npm run build, then dist/cikit-api install')
}
