import { resolve } from 'node:path'
import { readEnv } from '../../src/config/config.ts'
import { type Flags, settings, variableOf } from '../../src/config/settings.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { defineCommand } from '../shared/command.ts'
import { serverSettings, settingArgs, toFlags } from '../shared/flags.ts'
import { printLine } from '../shared/output.ts'
import { installService } from './service/install.ts'
import { readText } from './service/install-file.ts'
import { layout } from './service/layout.ts'
import { planService } from './service/plan.ts'
import { uninstallService } from './service/uninstall.ts'

export const install = defineCommand({
  description: 'Install this binary as a systemd service, or update the service',
  args: {
    print: { type: 'boolean', description: 'Print the systemd unit without installing it' },
    ...settingArgs(...serverSettings),
  },
  run: async ({ args }) => {
    const newSettings = readNewSettings(toFlags(args))
    if (args.print) {
      const { unit } = await planService(newSettings, readSettingsIfAllowed())
      process.stdout.write(unit)
      return
    }
    requireRoot('install', 'or print the unit with --print')
    await installService(newSettings, printLine)
  },
})

export const uninstall = defineCommand({
  description: 'Remove the service and the binary; keep data and settings',
  args: {},
  run: async () => {
    requireRoot('uninstall', 'for example with sudo')
    await uninstallService(printLine)
  },
})

/** Settings given by flags or variables. Paths are resolved from the current directory. */
function readNewSettings(flags: Flags): Flags {
  const env = readEnv()
  const newSettings: Flags = {}
  for (const name of serverSettings) {
    const value = flags[name] ?? (env[variableOf(name)] || undefined)
    if (value === undefined) continue
    const isPath = ['FILE', 'DIR'].includes(settings[name].hint) && value.trim() !== ''
    newSettings[name] = isPath ? resolve(value) : value
  }
  return newSettings
}

function requireRoot(name: string, alternative: string): void {
  if (process.geteuid?.() === 0) return
  throw new OperatorError(`${name} changes this host: run it as root, ${alternative}`)
}

/** Only root can read the settings file. */
function readSettingsIfAllowed(): string | undefined {
  try {
    return readText(layout.settings)
  } catch {
    process.stderr.write(
      `cikit-api: ${layout.settings} is readable by root only: this unit does not include its settings\n`,
    )
    return undefined
  }
}
