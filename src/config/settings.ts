import { DEFAULT_IMAGE, type RawSetting, rawSetting } from './parse.ts'

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

/** The environment variable of a setting, such as `CIKIT_API_DATA_DIR`. */
export function variableOf(name: SettingName): string {
  const setting: { hint: string; variable?: string } = settings[name]
  if (setting.variable !== undefined) return setting.variable
  return `CIKIT_API_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Reads a setting from its flag, or else its variable. An empty variable is ignored, an empty flag is an error. */
export function createSettingReader(flags: Flags, env: Env) {
  return (name: SettingName): RawSetting | undefined => {
    const flag = flags[name]
    if (flag !== undefined) return rawSetting(`--${name}`, flag)
    const variable = variableOf(name)
    const value = env[variable]
    return value === undefined || value === '' ? undefined : rawSetting(variable, value)
  }
}
