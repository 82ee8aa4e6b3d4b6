import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { ConfigError } from '../core/errors.ts'
import type { Network } from '../core/network.ts'
import {
  DEFAULT_IMAGE,
  parseBackupCount,
  parseDropletDomain,
  parseDropletPrefix,
  parseEngineAddress,
  parseHostNames,
  parseImageName,
  parseListenAddress,
  parseMetricsAddress,
  parseNetworks,
  parsePeriod,
  parsePort,
  parsePublicUrl,
  parseTlsFiles,
  type RawSetting,
  rawSetting,
} from './parse.ts'
import type { EngineAddress } from './types.ts'

/** Directory of the droplets' SSH keys in the data directory, unless `--credentials-dir` names another place. */
export const CREDENTIALS_DIR = 'credentials'

/** The settings an operator can make: each is the flag `--<name>` and the variable `CIKIT_API_<NAME>`; the flag wins. */
export const settings = {
  host: { hint: 'ADDRESS', description: 'Address to listen on (127.0.0.1, or 0.0.0.0 with TLS)' },
  port: { hint: 'PORT', description: 'Port to listen on, 0 for a free one (1337)' },
  'data-dir': {
    hint: 'DIR',
    description: 'Where users, sessions and keys are kept (/var/lib/cikit-api as root, else $XDG_DATA_HOME/cikit-api)',
  },
  'secret-key-file': {
    hint: 'FILE',
    description: 'The key that secrets are sealed with, 64 hex digits (DATA-DIR/sealing.key, made at the first start)',
  },
  'docker-host': {
    hint: 'URL',
    description: 'The Docker Engine, unix:///PATH or tcp://HOST:PORT ($DOCKER_HOST, or unix:///var/run/docker.sock)',
  },
  domain: { hint: 'DOMAIN', description: 'Domain of the Matrix; droplets are cikitNN.DOMAIN (the host name)' },
  image: { hint: 'IMAGE', description: `Image that droplets are made from (${DEFAULT_IMAGE})` },
  prefix: { hint: 'NAME', description: 'What droplet names begin with (cikit)' },
  'credentials-dir': { hint: 'DIR', description: "Where the droplets' SSH keys are kept (DATA-DIR/credentials)" },
  'tls-cert': { hint: 'FILE', description: 'Certificate chain in PEM; serves HTTPS together with --tls-key' },
  'tls-key': { hint: 'FILE', description: 'Private key of the certificate in PEM' },
  'session-file': {
    hint: 'FILE',
    description: 'Where a client keeps its login ($XDG_CONFIG_HOME/cikit-api/session.json, or below ~/.config)',
  },
  'public-url': { hint: 'URL', description: 'Where people reach this server, for links in answers (none)' },
  'metrics-listen': {
    hint: '[ADDRESS:]PORT',
    description: 'Where Prometheus finds GET /metrics: a port of loopback, or of another address (off)',
  },
  'allowed-hosts': { hint: 'NAMES', description: 'Host names to answer for, separated by commas (any)' },
  'trusted-proxies': {
    hint: 'NETWORKS',
    description: 'Proxies whose X-Forwarded-For counts, as addresses or CIDR separated by commas (none)',
  },
  every: {
    hint: 'TIME',
    description: 'Write a backup so often, such as 24h, 90m or 7d (never)',
    variable: 'CIKIT_API_BACKUP_EVERY',
  },
  keep: {
    hint: 'NUMBER',
    description: 'Keep so many of those backups, the newest (7)',
    variable: 'CIKIT_API_BACKUP_KEEP',
  },
  'backup-dir': { hint: 'DIR', description: 'Where those backups are written to (DATA-DIR/backups)' },
} as const satisfies Record<string, { hint: string; description: string; variable?: string }>

export type SettingName = keyof typeof settings
export type Flags = Partial<Record<SettingName, string | undefined>>
export type Env = Readonly<Record<string, string | undefined>>

/** What the commands on the host need, which neither listen nor speak to an engine. */
export interface CoreConfig {
  /** Absolute path. */
  dataDir: string
  /** The sealing key, where the operator keeps it elsewhere. Absolute path. */
  keyFile?: string
  /** What authenticator apps show as the account's host. */
  hostLabel: string
}

/** What is in a backup. */
export interface DataLocations extends CoreConfig {
  /** Absolute path. */
  credentialsDir: string
}

export interface Config extends CoreConfig {
  listen: {
    host: string
    /** 0 lets the system choose. */
    port: number
    tls?: { certFile: string; keyFile: string }
    /** Plain HTTP on an address that others can reach: allowed, and said at start. */
    exposedWithoutTls: boolean
    /** Lower case; empty for any. */
    allowedHosts: readonly string[]
    /** Proxies whose word on where a request comes from counts. */
    trustedProxies: readonly Network[]
  }
  /** Where metrics are told, when they are to be told at all. */
  metrics?: {
    host: string
    /** 0 lets the system choose. */
    port: number
    /** On an address that others can reach: allowed, and said at start. */
    isExposed: boolean
  }
  /** Where people reach this server, ending in a slash; empty when it was not told. */
  publicUrl: string
  engine: EngineAddress
  droplets: {
    prefix: string
    domain: string
    image: string
    /** Absolute path. */
    credentialsDir: string
  }
  /** What is backed up without anybody's asking; undefined for nothing. */
  backups?: BackupSchedule
}

export interface BackupSchedule {
  intervalMs: number
  /** How many of them, the newest. */
  retainCount: number
  /** Absolute path. */
  dir: string
}

/** Facts about this host that the defaults depend on. */
export interface HostFacts {
  root: boolean
  hostname: string
}

/** The one place that looks at the process's environment. */
export function readEnv(): Env {
  return { ...process.env }
}

/** What the defaults depend on, as this process has it. */
export function readHostFacts(): HostFacts {
  return { root: process.geteuid?.() === 0, hostname: hostname() }
}

/**
 * Flags and variables to a checked configuration. Pure.
 * @throws ConfigError naming the setting, its value and the remedy
 */
export function toConfig(flags: Flags, env: Env, hostFacts: HostFacts): Config {
  const readSetting = createSettingReader(flags, env)
  const { credentialsDir, ...coreConfig } = toDataLocations(flags, env, hostFacts)
  const tls = parseTlsFiles(readSetting('tls-cert'), readSetting('tls-key'))
  const listenHost = parseListenAddress(readSetting('host')) ?? (tls ? '0.0.0.0' : '127.0.0.1')
  const prefix = parseDropletPrefix(readSetting('prefix'))
  const backups = toBackupSchedule(readSetting, coreConfig.dataDir)
  const metrics = parseMetricsAddress(readSetting('metrics-listen'))

  return {
    ...coreConfig,
    listen: {
      host: listenHost,
      port: parsePort(readSetting('port')),
      ...(tls && { tls }),
      exposedWithoutTls: !tls && !isLoopback(listenHost),
      allowedHosts: parseHostNames(readSetting('allowed-hosts')),
      trustedProxies: parseNetworks(readSetting('trusted-proxies')),
    },
    ...(metrics && { metrics: { ...metrics, isExposed: !isLoopback(metrics.host) } }),
    publicUrl: parsePublicUrl(readSetting('public-url')),
    engine: toEngineAddress(flags, env),
    droplets: {
      prefix,
      domain: parseDropletDomain(readSetting('domain') ?? rawSetting('the host name', hostFacts.hostname), prefix),
      image: parseImageName(readSetting('image')),
      credentialsDir,
    },
    ...(backups && { backups }),
  }
}

/** The part of `toConfig` for commands that only work on the data directory. */
export function toCoreConfig(flags: Flags, env: Env, hostFacts: HostFacts): CoreConfig {
  const readSetting = createSettingReader(flags, env)
  const dataDir = readSetting('data-dir')?.value ?? defaultDataDir(env, hostFacts.root)
  const keyFile = readSetting('secret-key-file')?.value
  return { dataDir: resolve(dataDir), hostLabel: hostFacts.hostname, ...(keyFile && { keyFile: resolve(keyFile) }) }
}

/** The part of `toConfig` for commands that save and restore what is kept. */
export function toDataLocations(flags: Flags, env: Env, hostFacts: HostFacts): DataLocations {
  const coreConfig = toCoreConfig(flags, env, hostFacts)
  const credentialsDir =
    createSettingReader(flags, env)('credentials-dir')?.value ?? join(coreConfig.dataDir, CREDENTIALS_DIR)
  return { ...coreConfig, credentialsDir: resolve(credentialsDir) }
}

/** What a client of a server elsewhere needs. */
export interface ClientConfig {
  /** Absolute path. */
  sessionFile: string
  /** Where this person's own SSH keys are. Absolute path. */
  sshDir: string
}

/** For the commands that speak to a server elsewhere. */
export function toClientConfig(flags: Flags, env: Env): ClientConfig {
  const sessionFile = createSettingReader(flags, env)('session-file')?.value
  const configDir = env.XDG_CONFIG_HOME || (env.HOME && join(env.HOME, '.config'))
  if (!sessionFile && !configDir) {
    throw new ConfigError('--session-file: there is no $XDG_CONFIG_HOME and no $HOME to keep a login in: name a file')
  }
  return {
    sessionFile: resolve(sessionFile ?? join(configDir ?? '', 'cikit-api/session.json')),
    sshDir: resolve(env.HOME ?? '.', '.ssh'),
  }
}

/** The part of `toConfig` for commands that only speak to the engine. */
export function toEngineAddress(flags: Flags, env: Env): EngineAddress {
  return parseEngineAddress(createSettingReader(flags, env)('docker-host') ?? defaultDockerHost(env))
}

/** `data-dir` is read from `CIKIT_API_DATA_DIR`. */
export function variableOf(name: SettingName): string {
  const setting: { hint: string; variable?: string } = settings[name]
  if (setting.variable !== undefined) return setting.variable
  return `CIKIT_API_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Reads a setting from its flag or else its variable. An empty variable counts as none, an empty flag as a mistake. */
function createSettingReader(flags: Flags, env: Env) {
  return (name: SettingName): RawSetting | undefined => {
    const flag = flags[name]
    if (flag !== undefined) return rawSetting(`--${name}`, flag)
    const variable = variableOf(name)
    const value = env[variable]
    return value === undefined || value === '' ? undefined : rawSetting(variable, value)
  }
}

function toBackupSchedule(
  readSetting: ReturnType<typeof createSettingReader>,
  dataDir: string,
): BackupSchedule | undefined {
  const interval = readSetting('every')
  const retainCount = readSetting('keep')
  const dir = readSetting('backup-dir')
  const unusedSetting = retainCount ?? dir
  if (!interval) {
    if (!unusedSetting) return undefined
    throw new ConfigError(
      `${unusedSetting.source} ${JSON.stringify(unusedSetting.value)} is for backups: give --every too`,
    )
  }
  return {
    intervalMs: parsePeriod(interval),
    retainCount: parseBackupCount(retainCount),
    dir: resolve(dir?.value ?? join(dataDir, 'backups')),
  }
}

function defaultDataDir(env: Env, isRoot: boolean): string {
  if (isRoot) return '/var/lib/cikit-api'
  if (env.XDG_DATA_HOME) return join(env.XDG_DATA_HOME, 'cikit-api')
  if (env.HOME) return join(env.HOME, '.local/share/cikit-api')
  throw new ConfigError('--data-dir: there is no $XDG_DATA_HOME and no $HOME to choose one from: name a directory')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function defaultDockerHost(env: Env): RawSetting {
  const value = env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  return rawSetting('DOCKER_HOST', value)
}
