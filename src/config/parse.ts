import { resolve } from 'node:path'
import { ConfigError } from '../core/errors.ts'
import { isAddress, type Network, parseNetwork } from '../core/network.ts'
import type { EngineAddress } from './types.ts'

// Parsers of the settings. They throw a ConfigError that names flag or variable, value and remedy.

/** Built by cikit-api on the host, so never pulled. */
export const DEFAULT_IMAGE = 'localhost/cikit-droplet:bookworm'

/** The unparsed value of a setting. */
export interface RawSetting {
  /** The flag or variable, for error messages. */
  source: string
  value: string
}

export function rawSetting(source: string, value: string): RawSetting {
  if (value.trim() === '') throw new ConfigError(`${source} is empty: give it a value or leave it out`)
  return { source, value }
}

function reject(setting: RawSetting, remedy: string): never {
  throw new ConfigError(`${setting.source}: ${JSON.stringify(setting.value)} cannot be used: ${remedy}`)
}

export function parseListenAddress(setting: RawSetting | undefined): string | undefined {
  if (!setting) return undefined
  const isHostName = /^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(setting.value)
  if (!isHostName && !isAddress(setting.value))
    reject(setting, 'give an IPv4 or IPv6 address of this host, or its name')
  return setting.value
}

export function parsePort(setting: RawSetting | undefined): number {
  if (!setting) return 1337
  const port = Number(setting.value)
  if (!/^\d{1,5}$/.test(setting.value) || port > 65535) reject(setting, 'give a number from 1 to 65535, or 0')
  return port
}

export function parseMetricsAddress(setting: RawSetting | undefined): { host: string; port: number } | undefined {
  if (!setting) return undefined
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]:|([^:]+):)?(\d{1,5})$/.exec(setting.value) ?? []
  const port = Number(digits)
  if (digits === '' || port > 65535) reject(setting, 'give [ADDRESS:]PORT, such as 9464 or 192.0.2.17:9464')
  const address = bracketed ?? plain
  const host = address === undefined ? undefined : parseListenAddress(rawSetting(setting.source, address))
  return { host: host ?? '127.0.0.1', port }
}

export function parseTlsFiles(
  cert: RawSetting | undefined,
  key: RawSetting | undefined,
): { certFile: string; keyFile: string } | undefined {
  if (!cert && !key) return undefined
  if (!key) throw new ConfigError(`--tls-cert ${JSON.stringify(cert?.value)} needs its key: add --tls-key`)
  if (!cert) throw new ConfigError(`--tls-key ${JSON.stringify(key.value)} needs its certificate: add --tls-cert`)
  return { certFile: resolve(cert.value), keyFile: resolve(key.value) }
}

export function parsePublicUrl(setting: RawSetting | undefined): string {
  if (!setting) return ''
  const url = URL.parse(setting.value)
  const isPlainUrl = url && /^https?:$/.test(url.protocol) && `${url.origin}${url.pathname}` === url.href
  if (!isPlainUrl) reject(setting, 'give https://NAME[:PORT][/PATH] as typed in a browser')
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}

export function parseHostNames(setting: RawSetting | undefined): string[] {
  if (!setting) return []
  const names = splitList(setting.value)
  const areValid = names.every(name => /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])$/.test(name))
  if (!areValid) reject(setting, 'give host names without ports, separated by commas')
  return names.map(name => name.toLowerCase())
}

export function parseNetworks(setting: RawSetting | undefined): Network[] {
  if (!setting) return []
  const remedy = 'give addresses or networks such as 10.0.0.0/8, separated by commas'
  return splitList(setting.value).map(word => parseNetwork(word) ?? reject(setting, remedy))
}

function splitList(list: string): string[] {
  return list
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')
}

export function parseEngineAddress(setting: RawSetting): EngineAddress {
  const unix = /^unix:\/\/(\/.+)$/.exec(setting.value)
  if (unix?.[1]) return { kind: 'unix', path: unix[1] }
  const tcp = /^(?:tcp|http):\/\/((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?)\/?$/.exec(setting.value)
  if (tcp?.[1]) {
    const origin = `http://${/:\d+$/.test(tcp[1]) ? tcp[1] : `${tcp[1]}:2375`}`
    if (URL.canParse(origin)) return { kind: 'tcp', origin }
  }
  return reject(setting, 'give unix:///PATH or tcp://HOST:PORT (TLS and ssh to the engine are not supported)')
}

export function parseDropletPrefix(setting: RawSetting | undefined): string {
  if (!setting) return 'cikit'
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(setting.value)) {
    reject(setting, 'use up to 20 of a-z, 0-9 and -, starting with a letter')
  }
  return setting.value
}

export function parseDropletDomain(setting: RawSetting, prefix: string): string {
  // A Linux host name has at most 64 characters (HOST_NAME_MAX, gethostname(2)), of which `.` and two digits are ours.
  const maxLength = 64 - prefix.length - 3
  const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
  if (!new RegExp(`^${label}(\\.${label})*$`).test(setting.value)) reject(setting, 'give --domain a domain name')
  if (setting.value.length > maxLength) reject(setting, `give --domain a name of at most ${maxLength} characters`)
  return setting.value
}

export function parseImageName(setting: RawSetting | undefined): string {
  if (!setting) return DEFAULT_IMAGE
  // Reference grammar of container registries, [HOST[:PORT]/]PATH[:TAG][@DIGEST], without characters special in URLs.
  const reference =
    /^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:[._-]+|\/)[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/
  if (!reference.test(setting.value)) reject(setting, 'give an image as [HOST/]NAME[:TAG]')
  return setting.value
}

/** @returns milliseconds */
export function parsePeriod(setting: RawSetting): number {
  const [, number = '', unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(setting.value) ?? []
  const ms = Number(number) * ({ m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0)
  if (ms === 0 || ms > MAX_PERIOD_MS) {
    reject(setting, 'give a number of minutes, hours or days, such as 90m, 24h or 7d, up to a year')
  }
  return ms
}

const MAX_PERIOD_MS = 366 * 86_400_000

export function parseBackupCount(setting: RawSetting | undefined): number {
  if (!setting) return 7
  if (!/^[1-9]\d{0,3}$/.test(setting.value)) reject(setting, 'give a number from 1 to 9999')
  return Number(setting.value)
}
