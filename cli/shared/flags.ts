import { type Flags, type SettingName, settings } from '../../src/config/settings.ts'

/** The settings of a server; the remaining one is the client's. */
export const serverSettings = (Object.keys(settings) as SettingName[]).filter(name => name !== 'session-file')

/** Settings as arguments of a command; `toFlags` reads their values. */
export function settingArgs<N extends SettingName>(...names: N[]) {
  const entries = names.map(name => [
    name,
    { type: 'string', valueHint: settings[name].hint, description: settings[name].description },
  ])
  return Object.fromEntries(entries) as Record<N, { type: 'string'; valueHint: string; description: string }>
}

/** The settings given on the command line. */
export function toFlags(args: Record<string, unknown>): Flags {
  const flags: Flags = {}
  for (const name of Object.keys(settings) as SettingName[]) {
    const value = args[name]
    if (typeof value === 'string') flags[name] = value
  }
  return flags
}
