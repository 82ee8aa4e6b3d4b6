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

/** Default directory of the droplets' SSH keys, inside the data directory. */
export const CREDENTIALS_DIR = 'credentials'

/** Settings. Each has the flag `--<name>` and the variable `CIKIT_API_<NAME>`; the flag takes precedence. */
export const settings = {
  host: { hint: 'ADDRESS', description: 'Address to listen on (127.0.0.1, or 0.0.0.0 with TLS)' },
  port: { hint: 'PORT', description: 'Port to listen on, 0 for a free one (1337)' },
  'data-dir': {
    hint: 'DIR',
    description: 'Data directory: users, sessions, keys (/var/lib/cikit-api as root, else $XDG_DATA_HOME/cikit-api)',
  },
  'secret-key-file': {
    hint: 'FILE',
    description: 'Encryption key of the secrets, 64 hex digits (DATA-DIR/sealing.key, created at the first start)',
  },
  'docker-host': {
    hint: 'URL',
    description: 'The Docker Engine, unix:///PATH or tcp://HOST:PORT ($DOCKER_HOST, or unix:///var/run/docker.sock)',
  },
  domain: { hint: 'DOMAIN', description: 'Domain of the Matrix; droplets are cikitNN.DOMAIN (the host name)' },
  image: { hint: 'IMAGE', description: `Image for new droplets (${DEFAULT_IMAGE})` },
  prefix: { hint: 'NAME', description: 'Prefix of droplet names (cikit)' },
  'credentials-dir': { hint: 'DIR', description: "Directory of the droplets' SSH keys (DATA-DIR/credentials)" },
  'tls-cert': { hint: 'FILE', description: 'Certificate chain in PEM; serves HTTPS together with --tls-key' },
  'tls-key': { hint: 'FILE', description: 'Private key of the certificate in PEM' },
  'session-file': {
    hint: 'FILE',
    description: 'Session file of the client ($XDG_CONFIG_HOME/cikit-api/session.json, or below ~/.config)',
  },
  'public-url': { hint: 'URL', description: 'Public URL of this server, for links in responses (none)' },
  'metrics-listen': {
    hint: '[ADDRESS:]PORT',
    description: 'Serve GET /metrics for Prometheus on this port of loopback or of another address (off)',
  },
  'allowed-hosts': { hint: 'NAMES', description: 'Host names to answer for, separated by commas (any)' },
  'trusted-proxies': {
    hint: 'NETWORKS',
    description: 'Proxies whose X-Forwarded-For counts, as addresses or CIDR separated by commas (none)',
  },
  every: {
    hint: 'TIME',
    description: 'Interval of scheduled backups, such as 24h, 90m or 7d (never)',
    variable: 'CIKIT_API_BACKUP_EVERY',
  },
  keep: {
    hint: 'NUMBER',
    description: 'Number of scheduled backups to keep (7)',
    variable: 'CIKIT_API_BACKUP_KEEP',
  },
  'backup-dir': { hint: 'DIR', description: 'Directory of the scheduled backups (DATA-DIR/backups)' },
} as const satisfies Record<string, { hint: string; description: string; variable?: string }>

export type SettingName = keyof typeof settings
export type Flags = Partial<Record<SettingName, string | undefined>>
export type Env = Readonly<Record<string, string | undefined>>

/** Configuration of the commands on the host, which need neither a listener nor an engine. */
export interface CoreConfig {
  /** Absolute path. */
  dataDir: string
  /** Encryption key file outside the data directory. Absolute path. */
  keyFile?: string
  /** Host name shown in authenticator apps. */
  hostLabel: string
}

/** The data that a backup contains. */
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
    /** Plain HTTP on a non-loopback address: allowed, with a warning at start. */
    exposedWithoutTls: boolean
    /** Lower case; empty for any. */
    allowedHosts: readonly string[]
    /** Proxies whose `X-Forwarded-For` entries are trusted. */
    trustedProxies: readonly Network[]
  }
  /** Listener for metrics; undefined when off. */
  metrics?: {
    host: string
    /** 0 lets the system choose. */
    port: number
    /** On a non-loopback address: allowed, with a warning at start. */
    isExposed: boolean
  }
  /** Ends in a slash; empty when not set. */
  publicUrl: string
  engine: EngineAddress
  droplets: {
    prefix: string
    domain: string
    image: string
    /** Absolute path. */
    credentialsDir: string
  }
  /** Scheduled backups; undefined when off. */
  backups?: BackupSchedule
}

export interface BackupSchedule {
  intervalMs: number
  /** Number of backups to keep. */
  retainCount: number
  /** Absolute path. */
  dir: string
}

/** Facts about this host that the defaults depend on. */
export interface HostFacts {
  root: boolean
  hostname: string
}

/** The only place that reads the process environment. */
export function readEnv(): Env {
  return { ...process.env }
}

export function readHostFacts(): HostFacts {
  return { root: process.geteuid?.() === 0, hostname: hostname() }
}

/**
 * Validates flags and variables. Pure.
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

/** The part of `toConfig` for backup and restore. */
export function toDataLocations(flags: Flags, env: Env, hostFacts: HostFacts): DataLocations {
  const coreConfig = toCoreConfig(flags, env, hostFacts)
  const credentialsDir =
    createSettingReader(flags, env)('credentials-dir')?.value ?? join(coreConfig.dataDir, CREDENTIALS_DIR)
  return { ...coreConfig, credentialsDir: resolve(credentialsDir) }
}

export interface ClientConfig {
  /** Absolute path. */
  sessionFile: string
  /** Directory of the user's own SSH keys. Absolute path. */
  sshDir: string
}

/** Configuration of the client commands. */
export function toClientConfig(flags: Flags, env: Env): ClientConfig {
  const sessionFile = createSettingReader(flags, env)('session-file')?.value
  const configDir = env.XDG_CONFIG_HOME || (env.HOME && join(env.HOME, '.config'))
  if (!sessionFile && !configDir) {
    throw new ConfigError('--session-file: neither $XDG_CONFIG_HOME nor $HOME is set: name a file')
  }
  return {
    sessionFile: resolve(sessionFile ?? join(configDir ?? '', 'cikit-api/session.json')),
    sshDir: resolve(env.HOME ?? '.', '.ssh'),
  }
}

/** The part of `toConfig` for commands that only use the engine. */
export function toEngineAddress(flags: Flags, env: Env): EngineAddress {
  return parseEngineAddress(createSettingReader(flags, env)('docker-host') ?? defaultDockerHost(env))
}

/** The environment variable of a setting, such as `CIKIT_API_DATA_DIR`. */
export function variableOf(name: SettingName): string {
  const setting: { hint: string; variable?: string } = settings[name]
  if (setting.variable !== undefined) return setting.variable
  return `CIKIT_API_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Reads a setting from its flag, or else its variable. An empty variable is ignored, an empty flag is an error. */
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
      `${unusedSetting.source} ${JSON.stringify(unusedSetting.value)} needs scheduled backups: add --every`,
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
  throw new ConfigError('--data-dir: neither $XDG_DATA_HOME nor $HOME is set: name a directory')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function defaultDockerHost(env: Env): RawSetting {
  const value = env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  return rawSetting('DOCKER_HOST', value)
}
