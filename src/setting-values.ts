import { resolve } from 'node:path'
import type { EngineAddress } from './config.ts'
import { ConfigError } from './errors.ts'
import { isAddress, type Network, parseNetwork } from './network.ts'

// How each setting is read from its text. All of them throw a ConfigError that names flag or variable, value and remedy.

/** The image that this program makes itself; it lives nowhere but on the host, so it is never pulled. */
export const OWN_IMAGE = 'localhost/cikit-droplet:bookworm'

/** What an operator gave for a setting. */
export interface Given {
  /** The flag or variable the value came from, to name it in an error. */
  source: string
  value: string
}

export function given(source: string, value: string): Given {
  if (value.trim() === '') throw new ConfigError(`${source} is empty: give it a value or leave it out`)
  return { source, value }
}

function refuse(setting: Given, remedy: string): never {
  throw new ConfigError(`${setting.source}: ${JSON.stringify(setting.value)} cannot be used: ${remedy}`)
}

export function listenAddress(setting: Given | undefined): string | undefined {
  if (!setting) return undefined
  const name = /^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(setting.value)
  if (!name && !isAddress(setting.value)) refuse(setting, 'give an IPv4 or IPv6 address of this host, or its name')
  return setting.value
}

export function portNumber(setting: Given | undefined): number {
  if (!setting) return 1337
  const port = Number(setting.value)
  if (!/^\d{1,5}$/.test(setting.value) || port > 65535) refuse(setting, 'give a number from 1 to 65535, or 0')
  return port
}

export function metricsAddress(setting: Given | undefined): { host: string; port: number } | undefined {
  if (!setting) return undefined
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]:|([^:]+):)?(\d{1,5})$/.exec(setting.value) ?? []
  const port = Number(digits)
  if (digits === '' || port > 65535) refuse(setting, 'give [ADDRESS:]PORT, such as 9464 or 192.0.2.17:9464')
  const address = bracketed ?? plain
  const host = address === undefined ? undefined : listenAddress(given(setting.source, address))
  return { host: host ?? '127.0.0.1', port }
}

export function tlsFiles(
  cert: Given | undefined,
  key: Given | undefined,
): { certFile: string; keyFile: string } | undefined {
  if (!cert && !key) return undefined
  if (!key) throw new ConfigError(`--tls-cert ${JSON.stringify(cert?.value)} needs its key: give --tls-key too`)
  if (!cert) throw new ConfigError(`--tls-key ${JSON.stringify(key.value)} needs its certificate: give --tls-cert too`)
  return { certFile: resolve(cert.value), keyFile: resolve(key.value) }
}

export function publicUrl(setting: Given | undefined): string {
  if (!setting) return ''
  const url = URL.parse(setting.value)
  const plain = url && /^https?:$/.test(url.protocol) && `${url.origin}${url.pathname}` === url.href
  if (!plain) refuse(setting, 'give https://NAME[:PORT][/PATH] as people type it')
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}

export function hostNames(setting: Given | undefined): string[] {
  if (!setting) return []
  const names = words(setting.value)
  const fit = names.every(name => /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])$/.test(name))
  if (!fit) refuse(setting, 'give host names without ports, separated by commas')
  return names.map(name => name.toLowerCase())
}

export function networks(setting: Given | undefined): Network[] {
  if (!setting) return []
  const remedy = 'give addresses or networks such as 10.0.0.0/8, separated by commas'
  return words(setting.value).map(word => parseNetwork(word) ?? refuse(setting, remedy))
}

function words(list: string): string[] {
  return list
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')
}

export function engineAddress(setting: Given): EngineAddress {
  const unix = /^unix:\/\/(\/.+)$/.exec(setting.value)
  if (unix?.[1]) return { kind: 'unix', path: unix[1] }
  const tcp = /^(?:tcp|http):\/\/((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?)\/?$/.exec(setting.value)
  if (tcp?.[1]) {
    const origin = `http://${/:\d+$/.test(tcp[1]) ? tcp[1] : `${tcp[1]}:2375`}`
    if (URL.canParse(origin)) return { kind: 'tcp', origin }
  }
  return refuse(setting, 'give unix:///PATH or tcp://HOST:PORT (TLS and ssh to the engine are not supported)')
}

export function dropletPrefix(setting: Given | undefined): string {
  if (!setting) return 'cikit'
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(setting.value)) {
    refuse(setting, 'use up to 20 of a-z, 0-9 and -, beginning with a letter')
  }
  return setting.value
}

export function dropletDomain(setting: Given, prefix: string): string {
  // Linux keeps 64 characters of a host name (HOST_NAME_MAX, gethostname(2)); `.` and two digits go with the prefix.
  const room = 64 - prefix.length - 3
  const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
  if (!new RegExp(`^${label}(\\.${label})*$`).test(setting.value)) refuse(setting, 'give --domain a domain name')
  if (setting.value.length > room) refuse(setting, `give --domain a name of at most ${room} characters`)
  return setting.value
}

export function imageName(setting: Given | undefined): string {
  if (!setting) return OWN_IMAGE
  // The reference grammar of the container registries: [HOST[:PORT]/]PATH[:TAG][@DIGEST], and nothing a URL could trip over.
  const reference =
    /^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:[._-]+|\/)[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/
  if (!reference.test(setting.value)) refuse(setting, 'give an image as [HOST/]NAME[:TAG]')
  return setting.value
}

/** @returns milliseconds */
export function period(setting: Given): number {
  const [, number = '', unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(setting.value) ?? []
  const ms = Number(number) * ({ m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0)
  if (ms === 0 || ms > LONGEST_PERIOD_MS) {
    refuse(setting, 'give a number of minutes, hours or days, such as 90m, 24h or 7d, a year at most')
  }
  return ms
}

const LONGEST_PERIOD_MS = 366 * 86_400_000

export function backupCount(setting: Given | undefined): number {
  if (!setting) return 7
  if (!/^[1-9]\d{0,3}$/.test(setting.value)) refuse(setting, 'give a number from 1 to 9999')
  return Number(setting.value)
}
