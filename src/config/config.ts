import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { ConfigError } from '../core/errors.ts'
import {
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
import { createSettingReader, type Env, type Flags } from './settings.ts'
import type { BackupSchedule, ClientConfig, Config, CoreConfig, DataLocations, EngineAddress } from './types.ts'

/** Default directory of the droplets' SSH keys, inside the data directory. */
export const CREDENTIALS_DIR = 'credentials'

/** Facts about this host that the defaults depend on. */
interface HostFacts {
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
