import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { ConfigError } from './errors.ts'
import type { Network } from './network.ts'
import {
  backupCount,
  dropletDomain,
  dropletPrefix,
  engineAddress,
  type Given,
  given,
  hostNames,
  imageName,
  listenAddress,
  metricsAddress,
  networks,
  OWN_IMAGE,
  period,
  portNumber,
  publicUrl,
  tlsFiles,
} from './setting-values.ts'

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
  image: { hint: 'IMAGE', description: `Image that droplets are made from (${OWN_IMAGE})` },
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

export type EngineAddress = { kind: 'unix'; path: string } | { kind: 'tcp'; origin: string }

/** What the commands on the host need, which neither listen nor speak to an engine. */
export interface AccessConfig {
  /** Absolute path. */
  dataDir: string
  /** The sealing key, where the operator keeps it elsewhere. Absolute path. */
  keyFile?: string
  /** What authenticator apps show as the account's host. */
  hostLabel: string
}

/** What is in a backup. */
export interface BackupPlace extends AccessConfig {
  /** Absolute path. */
  credentialsDir: string
}

export interface Config extends AccessConfig {
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
  everyMs: number
  /** How many of them, the newest. */
  keep: number
  /** Absolute path. */
  dir: string
}

/** Facts about this host that the defaults depend on. */
export interface Host {
  root: boolean
  hostname: string
}

/** The one place that looks at the process's environment. */
export function readEnv(): Env {
  return { ...process.env }
}

/** What the defaults depend on, as this process has it. */
export function readHost(): Host {
  return { root: process.geteuid?.() === 0, hostname: hostname() }
}

/**
 * Flags and variables to a checked configuration. Pure.
 * @throws ConfigError naming the setting, its value and the remedy
 */
export function toConfig(flags: Flags, env: Env, host: Host): Config {
  const read = reader(flags, env)
  const { credentialsDir, ...access } = toBackupPlace(flags, env, host)
  const tls = tlsFiles(read('tls-cert'), read('tls-key'))
  const listenHost = listenAddress(read('host')) ?? (tls ? '0.0.0.0' : '127.0.0.1')
  const prefix = dropletPrefix(read('prefix'))
  const backups = toBackupSchedule(read, access.dataDir)
  const metrics = metricsAddress(read('metrics-listen'))

  return {
    ...access,
    listen: {
      host: listenHost,
      port: portNumber(read('port')),
      ...(tls && { tls }),
      exposedWithoutTls: !tls && !isLoopback(listenHost),
      allowedHosts: hostNames(read('allowed-hosts')),
      trustedProxies: networks(read('trusted-proxies')),
    },
    ...(metrics && { metrics: { ...metrics, isExposed: !isLoopback(metrics.host) } }),
    publicUrl: publicUrl(read('public-url')),
    engine: toEngineAddress(flags, env),
    droplets: {
      prefix,
      domain: dropletDomain(read('domain') ?? given('the host name', host.hostname), prefix),
      image: imageName(read('image')),
      credentialsDir,
    },
    ...(backups && { backups }),
  }
}

/** The part of `toConfig` for commands that only work on the data directory. */
export function toAccessConfig(flags: Flags, env: Env, host: Host): AccessConfig {
  const read = reader(flags, env)
  const dataDir = read('data-dir')?.value ?? defaultDataDir(env, host.root)
  const keyFile = read('secret-key-file')?.value
  return { dataDir: resolve(dataDir), hostLabel: host.hostname, ...(keyFile && { keyFile: resolve(keyFile) }) }
}

/** The part of `toConfig` for commands that save and restore what is kept. */
export function toBackupPlace(flags: Flags, env: Env, host: Host): BackupPlace {
  const access = toAccessConfig(flags, env, host)
  const credentialsDir = reader(flags, env)('credentials-dir')?.value ?? join(access.dataDir, 'credentials')
  return { ...access, credentialsDir: resolve(credentialsDir) }
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
  const named = reader(flags, env)('session-file')?.value
  const configDir = env.XDG_CONFIG_HOME || (env.HOME && join(env.HOME, '.config'))
  if (!named && !configDir) {
    throw new ConfigError('--session-file: there is no $XDG_CONFIG_HOME and no $HOME to keep a login in: name a file')
  }
  return {
    sessionFile: resolve(named ?? join(configDir ?? '', 'cikit-api/session.json')),
    sshDir: resolve(env.HOME ?? '.', '.ssh'),
  }
}

/** The part of `toConfig` for commands that only speak to the engine. */
export function toEngineAddress(flags: Flags, env: Env): EngineAddress {
  return engineAddress(reader(flags, env)('docker-host') ?? dockerHost(env))
}

/** `data-dir` is read from `CIKIT_API_DATA_DIR`. */
export function variableOf(name: SettingName): string {
  const setting: { hint: string; variable?: string } = settings[name]
  if (setting.variable !== undefined) return setting.variable
  return `CIKIT_API_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Reads a setting from its flag or else its variable. An empty variable counts as none, an empty flag as a mistake. */
function reader(flags: Flags, env: Env) {
  return (name: SettingName): Given | undefined => {
    const flag = flags[name]
    if (flag !== undefined) return given(`--${name}`, flag)
    const variable = variableOf(name)
    const value = env[variable]
    return value === undefined || value === '' ? undefined : given(variable, value)
  }
}

function toBackupSchedule(read: ReturnType<typeof reader>, dataDir: string): BackupSchedule | undefined {
  const every = read('every')
  const keep = read('keep')
  const dir = read('backup-dir')
  const without = keep ?? dir
  if (!every) {
    if (!without) return undefined
    throw new ConfigError(`${without.source} ${JSON.stringify(without.value)} is for backups: give --every too`)
  }
  return { everyMs: period(every), keep: backupCount(keep), dir: resolve(dir?.value ?? join(dataDir, 'backups')) }
}

function defaultDataDir(env: Env, root: boolean): string {
  if (root) return '/var/lib/cikit-api'
  if (env.XDG_DATA_HOME) return join(env.XDG_DATA_HOME, 'cikit-api')
  if (env.HOME) return join(env.HOME, '.local/share/cikit-api')
  throw new ConfigError('--data-dir: there is no $XDG_DATA_HOME and no $HOME to choose one from: name a directory')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function dockerHost(env: Env): Given {
  const value = env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  return given('DOCKER_HOST', value)
}
