import { existsSync } from 'node:fs'
import type { Flags } from '../../src/config.ts'
import { OperatorError } from '../../src/errors.ts'
import { databaseFile } from '../../src/store/files.ts'
import { previousOf } from '../upgrade/binary.ts'
import { type Account, createAccount, findAccount, groupNames } from './account.ts'
import { requireFree, takeOver } from './data-dir.ts'
import { layout } from './layout.ts'
import { placeCopy, placeText, readText } from './place-file.ts'
import { filesOf, type Plan, planService } from './plan.ts'
import { requireReadable } from './readable.ts'
import { restart, runsAsInstalled, waitForAnswer } from './running.ts'
import { requireSystemd, systemctl, unitState } from './systemd.ts'

/** Somebody without any right, for whom is asked what the service may read before it has an account. */
const STRANGER: Account = { uid: 65_534, gid: 65_534, groups: [] }

/**
 * Makes the running binary a service of this host. What would not work is refused before anything is changed, and a
 * second time changes nothing.
 * @param given the settings that are set anew
 * @param say prints a line
 */
export async function installService(given: Flags, say: (line: string) => void): Promise<void> {
  requireSystemd()
  requireCompiled()
  const plan = await planService(given, readText(layout.settings))
  const { dataDir } = plan.config
  const known = await findAccount()
  const asked = known ?? STRANGER
  const groups = [...new Set([...asked.groups, ...plan.groups])]
  for (const [flag, path] of filesOf(plan.config)) await requireReadable(flag, path, { ...asked, groups })
  const { pid } = await unitState()
  for (const path of plan.directories) await requireFree(path, known, pid)
  const begins = !existsSync(databaseFile(dataDir))

  const done = await prepare(plan, known, Object.keys(given).length)
  for (const line of done) say(line)
  const address = await run(plan, done.length > 0)
  if (address === undefined) {
    say(`Nothing to do: ${layout.unitName} serves already, on ${await waitForAnswer(dataDir)}`)
    return
  }
  say(`Started  ${layout.unitName}, which answers on ${address}`)
  if (begins) say(`\nNow make the first user, whose QR code is for your phone:\n\n  ${createUserLine(plan)}\n`)
  say(`Its log: journalctl -u cikit-api    Its settings: ${layout.settings}, and then cikit-api install`)
}

/** @returns a line for each thing that was changed */
async function prepare(plan: Plan, known: Account | undefined, settingsGiven: number): Promise<string[]> {
  const done: string[] = []
  if (await placeCopy(layout.binary, process.execPath, 0o755, previousOf(layout.binary)))
    done.push(`Placed   ${layout.binary}`)
  const account = known ?? (await createAccount())
  if (!known) {
    const groups = await groupNames(plan.groups)
    const member = groups.length > 0 ? `; the service is in the group ${groups.join(' and ')}, too` : ''
    done.push(`Made     the user ${layout.account}${member}`)
  }
  for (const path of plan.directories) {
    const taken = takeOver(path, account)
    if (taken) done.push(`${taken === path ? 'Made    ' : 'Took    '} ${taken}`)
  }
  if (placeText(layout.settings, plan.settings, 0o600)) {
    done.push(`Wrote    ${layout.settings}${settingsGiven > 0 ? `: ${Object.keys(plan.variables).join(', ')}` : ''}`)
  }
  if (placeText(layout.unit, plan.unit, 0o644)) done.push(`Wrote    ${layout.unit}`)
  return done
}

/** @returns where it answers; undefined when nothing had to be done for it */
async function run(plan: Plan, changed: boolean): Promise<string | undefined> {
  if (changed || (await unitState()).stale) await systemctl('daemon-reload')
  const { active, pid, enabled } = await unitState()
  if (enabled && !changed && active === 'active' && runsAsInstalled(plan.config.dataDir, pid)) return undefined
  await systemctl('enable', '--quiet', layout.unitName)
  return await restart(plan.config.dataDir)
}

/** The command as it finds the same data and the same key. */
function createUserLine({ config }: Plan): string {
  const dataDir = config.dataDir === layout.dataDir ? '' : ` --data-dir ${config.dataDir}`
  const keyFile = config.keyFile ? ` --secret-key-file ${config.keyFile}` : ''
  return `cikit-api create-user -u NAME -g owner${dataDir}${keyFile}`
}

function requireCompiled(): void {
  if (Bun.main.startsWith('/$bunfs/')) return
  throw new OperatorError('This is the source and not the binary: npm run build, and run dist/cikit-api install')
}
