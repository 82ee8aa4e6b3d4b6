import { resolve } from 'node:path'
import { type Flags, readEnv, settings, variableOf } from '../src/config.ts'
import { OperatorError } from '../src/errors.ts'
import { command, flagsOf, serveSettings, settingArgs } from './command.ts'
import { installService } from './service/install.ts'
import { layout } from './service/layout.ts'
import { readText } from './service/place-file.ts'
import { planService } from './service/plan.ts'
import { uninstallService } from './service/uninstall.ts'

export const install = command({
  meta: { name: 'cikit-api install', description: 'Make this binary a service of this host, or bring it up to date' },
  args: {
    print: { type: 'boolean', description: 'Print the systemd unit, and change nothing' },
    ...settingArgs(...serveSettings),
  },
  run: async ({ args }) => {
    const given = givenSettings(flagsOf(args))
    if (args.print) {
      const { unit } = await planService(given, readSettingsIfAllowed())
      process.stdout.write(unit)
      return
    }
    requireRoot('install', 'or see what it would be with --print')
    await installService(given, say)
  },
})

export const uninstall = command({
  meta: { name: 'cikit-api uninstall', description: 'Take the service and the binary away; data and settings stay' },
  args: {},
  run: async () => {
    requireRoot('uninstall', 'with sudo, say')
    await uninstallService(say)
  },
})

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** What is set anew: by a flag, or by a variable of this very shell. Paths are as seen from here. */
function givenSettings(flags: Flags): Flags {
  const env = readEnv()
  const given: Flags = {}
  for (const name of serveSettings) {
    const value = flags[name] ?? (env[variableOf(name)] || undefined)
    if (value === undefined) continue
    const isPath = ['FILE', 'DIR'].includes(settings[name].hint) && value.trim() !== ''
    given[name] = isPath ? resolve(value) : value
  }
  return given
}

function requireRoot(name: string, otherwise: string): void {
  if (process.geteuid?.() === 0) return
  throw new OperatorError(`${name} changes this host: run it as root, ${otherwise}`)
}

/** Only root may read them. */
function readSettingsIfAllowed(): string | undefined {
  try {
    return readText(layout.settings)
  } catch {
    process.stderr.write(`cikit-api: ${layout.settings} is for root to read: this is the unit without it\n`)
    return undefined
  }
}
